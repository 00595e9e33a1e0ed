/*
 * Protocol `console`: the user's terminal. The process server names one group of processes as the foreground. Only the
 * foreground may read and set the mode. Other groups get P_BACKGROUND, and so does a read that waits when the
 * foreground changes (see libsys/runtime/terminal.h). Everybody may write. The badge names the process that calls and
 * its group (libsys/proto/identity.h). A program that no process server made has a badge without a group and may do
 * everything. Until a foreground is named, everybody may do everything.
 */
#pragma once

#include "libsys/proto/identity.h"
#include "libsys/wire/protocol.h"

#define CONSOLE_BYTES_MAX PROTOCOL_TAIL_MAX

enum console_mode {
    CONSOLE_RAW = 0, /* every byte is delivered, to `read_keys` only: for a shell's prompt */
    CONSOLE_FOREGROUND =
        1, /* lines are delivered, to `read` only. Ctrl-C and Ctrl-Z raise the console's `interrupt` instead */
};

/* Write bytes as they are. The reply comes when the console has accepted all of them. Errors: P_CROWDED, see `read`. */
struct console_write_request {
    uint64_t length_bytes;
    uint8_t bytes[CONSOLE_BYTES_MAX];
};
struct console_write_reply {
    uint64_t written_bytes;
};

/*
 * Read a typed line, or a part of it. The reply waits until there is a line and the console is in foreground mode. The
 * line was echoed while it was typed, and ends by LF, whatever Enter sends. A reply without bytes is the end of input:
 * Ctrl-D was typed on an empty line, or no more input can come.
 * Errors: P_BACKGROUND; E_CANCEL Ctrl-Z was typed: ask again; P_ARGUMENT most_bytes; P_CROWDED as many of
 * the program's threads wait as places are left for all others (libsys/wire/quota.h): ask again a little later.
 */
struct console_read_request {
    uint64_t most_bytes; /* 1..CONSOLE_BYTES_MAX */
};
struct console_read_reply {
    uint64_t length_bytes;
    uint8_t bytes[CONSOLE_BYTES_MAX];
};

/* Read keys as they are typed, in raw mode. A reply without bytes: no more input can come. Errors: those of `read`. */
struct console_read_keys_request {
    uint64_t most_bytes;
};
struct console_read_keys_reply {
    uint64_t length_bytes;
    uint8_t bytes[CONSOLE_BYTES_MAX];
};

/* Choose between lines and keys, and what Ctrl-C and Ctrl-Z do. Errors: P_BACKGROUND; P_ARGUMENT mode. */
struct console_set_mode_request {
    uint64_t mode; /* enum console_mode */
};
struct console_set_mode_reply {
    uint64_t old_mode;
};

/* Wait until all that was written so far has left the machine. Needed before it is switched off. Errors: P_CROWDED. */
struct console_flush_request {
    uint64_t zero;
};
struct console_flush_reply {
    uint64_t zero;
};

/*
 * Name the group that has the terminal from now on; 0: all have it. When the group changes, the mode becomes
 * CONSOLE_FOREGROUND, so a program's setting ends with its turn.
 * Errors: P_PERMISSION the caller is a process itself; P_ARGUMENT no such number.
 */
struct console_set_foreground_request {
    uint64_t group;
};
struct console_set_foreground_reply {
    uint64_t zero;
};

#define CONSOLE_OPERATIONS(ROW)                                                                                     \
    ROW(console, 1, write, offsetof(struct console_write_request, bytes), 0, sizeof(struct console_write_reply), 0) \
    ROW(console, 2, read, sizeof(struct console_read_request), 0, offsetof(struct console_read_reply, bytes), 0)    \
    ROW(console, 3, set_mode, sizeof(struct console_set_mode_request), 0, sizeof(struct console_set_mode_reply), 0) \
    ROW(console, 4, flush, sizeof(struct console_flush_request), 0, sizeof(struct console_flush_reply), 0)          \
    ROW(console, 5, read_keys, sizeof(struct console_read_keys_request), 0,                                         \
        offsetof(struct console_read_keys_reply, bytes), 0)                                                         \
    ROW(console, 6, set_foreground, sizeof(struct console_set_foreground_request), 0,                               \
        sizeof(struct console_set_foreground_reply), 0)

PROTOCOL_CLIENT(console, CONSOLE_OPERATIONS)
