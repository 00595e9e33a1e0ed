/*
 * Pipes, for programs that were given the capability `pipes`, and how a child gets an end of one.
 */
#pragma once

#include "libsys/proto/pipes.h"

struct pipe_ends {
    cap_t reader, writer; /* slots; 0 = none */
};

/* A new pipe. Errors: those of pipes_create; then there are no ends. */
MUST_USE uint32_t pipe_make(struct pipe_ends *ret_ends);

/* Let go of a capability and its slot; the slot becomes 0. 0: nothing. */
void pipe_drop(cap_t *slot);

/*
 * Put a capability into the bag for children that are started with PIPE_NAME(NAME) among their capabilities (struct launch):
 * they find it as NAME. What the program itself has under this name is another entry. Errors: process_give's.
 */
#define PIPE_NAME(name) name "=to." name
MUST_USE uint32_t pipe_give(const char *name, cap_t cap);

/* The bag lets go of it: no entry can be taken out, so it has the console there then. */
MUST_USE uint32_t pipe_take_back(const char *name);
