/*
 * Pipes, for programs that have the capability `pipes`.
 */
#pragma once

#include "libsys/proto/pipes.h"

struct pipe_ends {
    cap_t reader, writer; /* slots; 0: none */
};

/* Make a pipe. Errors: those of pipes_create; there are no ends then. */
MUST_USE uint32_t pipe_make(struct pipe_ends *ret_ends);

/* Delete a capability, free its slot and set *slot to 0. A slot of 0 is ignored. */
void pipe_drop(cap_t *slot);
