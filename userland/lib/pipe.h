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
 * Put a capability into the bag under this name, for children that are given it (struct launch). What the program has under
 * this name itself is away until pipe_take_back; at most two names at a time. name: stays where it is. Errors: process_give's.
 */
MUST_USE uint32_t pipe_give(const char *name, cap_t cap);

/* The bag lets go of it, and has what the program itself had under this name, or else the console. */
MUST_USE uint32_t pipe_take_back(const char *name);
