/*
 * Protocol `pipes`: make pipes. Whoever serves it serves their ends too, at the same endpoint, so its operations are numbered
 * after those of a stream (libsys/proto/stream.h).
 */
#pragma once

#include "libsys/proto/stream.h"

#define PIPE_BYTES 16384U                     /* that were written and not read yet; beyond, writers wait */
#define PIPE_ATOMIC_BYTES STREAM_ATOMIC_BYTES /* of one write, which lie together in the pipe */

/*
 * A new pipe. The capabilities of the reply: [0] reads, [1] writes. They can be copied and passed on. When all copies of
 * one end are gone, whichever way, the other end learns it: end of file, or P_BROKEN.
 * Errors: P_LIMIT the caller has as many pipes as are left for all others, or the server's slots are out; E_RECEIVE the caller named no empty slots to receive them.
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
