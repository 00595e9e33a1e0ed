/*
 * Checks that each run in a child made by fork, so that they may end badly: the parent knows how they should end, and that
 * nothing is lost.
 */
#pragma once

#include "libsys/proto/process.h"

struct forked_check {
    const char *name;
    int (*run)(void);
    uint64_t signal; /* that ends it; 0: it returns 0 */
};

/* In the child, 0; in the parent, its pid. Ends the program if there is no memory for it. */
uint64_t fork_here(void);

/* Run them all and print a line each; `name` says whose they are. Returns how many failed; in a child, what its check
 * returned. */
int forked_run(const char *name, const struct forked_check *checks, uint64_t count);
