/*
 * Pipes, for programs that were given the capability `pipes`.
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
