/*
 * Protocol `stream`: bytes in order, from writer to reader. A pipe's two ends speak it. So does the console, since its
 * first two operations are the same; a program's stdin or stdout can be either (libsys/runtime/stream.h).
 */
#pragma once

#include "libsys/proto/console.h"
#include "libsys/wire/protocol.h"

#define STREAM_BYTES_MAX PROTOCOL_TAIL_MAX

/*
 * A pipe or the console keeps this many bytes of one write together, whatever other writers do. A longer write travels
 * in several messages (stream_write_all), and other writers may put bytes between those.
 */
#define STREAM_ATOMIC_BYTES 512U
_Static_assert(STREAM_BYTES_MAX >= STREAM_ATOMIC_BYTES, "a message carries it whole");

/*
 * Write. The reply comes when the bytes are taken. A pipe and the console take all; a file takes at least one.
 * Errors: P_BROKEN nobody can read them any more; P_ARGUMENT no byte; P_CROWDED too many calls wait to write: ask
 * again a little later; P_PERMISSION this end is for reading.
 */
struct stream_write_request {
    uint64_t length_bytes;
    uint8_t bytes[STREAM_BYTES_MAX];
};
struct stream_write_reply {
    uint64_t written_bytes;
};

/*
 * Read at least one byte; the reply waits until there is one. A reply without bytes is the end: nobody can write any
 * more.
 * Errors: P_ARGUMENT most_bytes; P_CROWDED too many calls wait to read; P_PERMISSION this end is for writing.
 */
struct stream_read_request {
    uint64_t most_bytes; /* 1..STREAM_BYTES_MAX */
};
struct stream_read_reply {
    uint64_t length_bytes;
    uint8_t bytes[STREAM_BYTES_MAX];
};

#define STREAM_OPERATIONS(ROW)                                                                                   \
    ROW(stream, 1, write, offsetof(struct stream_write_request, bytes), 0, sizeof(struct stream_write_reply), 0) \
    ROW(stream, 2, read, sizeof(struct stream_read_request), 0, offsetof(struct stream_read_reply, bytes), 0)

PROTOCOL_CLIENT(stream, STREAM_OPERATIONS)

/* The console's messages have the layout of a stream's. */
_Static_assert(sizeof(struct stream_write_request) == sizeof(struct console_write_request), "write request");
_Static_assert(sizeof(struct stream_write_reply) == sizeof(struct console_write_reply), "write reply");
_Static_assert(sizeof(struct stream_read_request) == sizeof(struct console_read_request), "read request");
_Static_assert(sizeof(struct stream_read_reply) == sizeof(struct console_read_reply), "read reply");
