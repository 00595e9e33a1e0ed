/*
 * Protocol `console`: the user's terminal. One group of processes has it, the foreground, which the process server names:
 * only it may read and set the mode (P_BACKGROUND for others, also where a read waits when the foreground changes; see
 * libsys/terminal.h). Everybody may write. The badge says whose process calls (libsys/proto/identity.h); programs that no
 * process server made, whose badge names no group, may do everything. As long as nobody has named a foreground, all may.
 */
#pragma once

#include "libsys/proto/identity.h"
#include "libsys/proto/protocol.h"

#define CONSOLE_BYTES_MAX PROTOCOL_TAIL_MAX

enum console_mode {
    CONSOLE_RAW = 0, /* every byte is delivered, to `read_keys` only: a shell has the prompt */
    CONSOLE_FOREGROUND =
        1, /* lines, delivered to `read` only. Ctrl-C and Ctrl-Z are not: they raise the console's `interrupt` */
};

/* Write bytes as they are. The reply comes when all of them are on their way. Errors: P_LIMIT as for `read`. */
struct console_write_request {
    uint64_t length_bytes;
    uint8_t bytes[CONSOLE_BYTES_MAX];
};
struct console_write_reply {
    uint64_t written_bytes;
};

/*
 * Read a line that was typed, or a part of it: the reply waits until there is one, and the console is in foreground
 * mode. It ends by LF, whatever Enter sends, and was shown as it was typed. No byte: the end, by Ctrl-D where the line
 * was empty, or because nobody types any more.
 * Errors: P_BACKGROUND; E_CANCEL Ctrl-Z was typed: ask again; P_ARGUMENT most_bytes; P_LIMIT as many of the
 *         program's threads wait as places are left for all others (libsys/quota.h), or no slot is free.
 */
struct console_read_request {
    uint64_t most_bytes; /* 1..CONSOLE_BYTES_MAX */
};
struct console_read_reply {
    uint64_t length_bytes;
    uint8_t bytes[CONSOLE_BYTES_MAX];
};

/* Read keys as they are typed, in raw mode. No byte: nobody types any more. Errors: those of `read`. */
struct console_read_keys_request {
    uint64_t most_bytes;
};
struct console_read_keys_reply {
    uint64_t length_bytes;
    uint8_t bytes[CONSOLE_BYTES_MAX];
};

/* Choose who reads, and what Ctrl-C and Ctrl-Z do. Errors: P_BACKGROUND; P_ARGUMENT mode. */
struct console_set_mode_request {
    uint64_t mode; /* enum console_mode */
};
struct console_set_mode_reply {
    uint64_t old_mode;
};

/* The reply comes when all that was written so far has left the machine: before it is switched off. Errors: P_LIMIT. */
struct console_flush_request {
    uint64_t zero;
};
struct console_flush_reply {
    uint64_t zero;
};

/*
 * Name the group that has the terminal from now on; 0 = all have it. If it is another one than before, the mode is
 * CONSOLE_FOREGROUND: what a program has set ends with its turn.
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
