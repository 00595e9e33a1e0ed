/*
 * Protocol `pipes`: make pipes. A server of it also serves the pipes' ends at the same endpoint, so its operations are
 * numbered after those of a stream (libsys/proto/stream.h).
 */
#pragma once

#include "libsys/proto/stream.h"

#define PIPE_BYTES 16384U                     /* bytes that a pipe holds; when it is full, writers wait */
#define PIPE_ATOMIC_BYTES STREAM_ATOMIC_BYTES /* bytes of one write that stay together in the pipe */

/*
 * Make a pipe. Capabilities of the reply: [0] its read end, [1] its write end. They can be copied and passed on. When
 * the last copy of one end is gone, for whatever reason, the other end learns it: by end of file, or by P_BROKEN.
 * Errors: P_LIMIT the caller has as many pipes already as are left for all others, or the server has no free slot;
 * E_RECEIVE the caller named no empty slots for the ends.
 */
struct pipes_create_request {
    uint64_t zero;
};
struct pipes_create_reply {
    uint64_t zero;
};

#define PIPES_OPERATIONS(ROW) \
    ROW(pipes, 3, create, sizeof(struct pipes_create_request), 0, sizeof(struct pipes_create_reply), 2)

PROTOCOL_CLIENT(pipes, PIPES_OPERATIONS)
