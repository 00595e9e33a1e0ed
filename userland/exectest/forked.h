/*
 * Runs each check in a child made by fork, so that a check may end badly. The parent knows the expected end, and that
 * nothing may be lost.
 */
#pragma once

#include "libsys/proto/process.h"

struct forked_check {
    const char *name;
    int (*run)(void);
    uint64_t signal; /* that is to end it; 0: it is to return 0 */
};

/* Fork. Returns 0 in the child, the child's pid in the parent. If it fails, the program ends. */
uint64_t fork_here(void);

/*
 * Run all checks and print a line each; `name` is the test. Returns how many failed; in a child, the result of its
 * check.
 */
int forked_run(const char *name, const struct forked_check *checks, uint64_t count);
