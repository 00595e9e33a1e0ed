/*
 * What the console does with bytes and with the clients that wait for them. It makes no system call: struct uart_ports
 * stands for the UART, struct terminal_clients for the answers, so a host test runs it as the server does.
 *
 *     UART --received--> [ input ring ] -----------------> readers of keys, first come first served
 *       |                     \____ the line typed -----> readers, first come first served (cooked.h)
 *       \__ Ctrl-C in foreground mode --> interrupt()
 *     UART <----next---- [ output ring ] <-- writers, first come first served; LF becomes CR LF on the way in
 *
 * Keys stay in the ring until a client reads: a key becomes part of a line, and is shown, when a reader of lines waits
 * for it. So keys that were typed ahead are shown once, where they are used, and reach a shell as they were typed.
 *
 * A write that does not fit waits for its answer, a read waits for the first byte. The answer is the commit: bytes
 * count as taken only once the client has got the answer that says so.
 *
 * struct terminal lies in memory that outlives the program (libsys/program/keep.h). The calls of clients only change
 * it, with a note of each change (libsys/wire/journal.h). What is seen outside follows from what they have left there,
 * and happens in terminal_settle(), one whole step after the other: answers to other clients, bytes to the chip, the
 * signals of Ctrl-C and Ctrl-Z. So a successor goes on with it at any point.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "libsys/proto/console.h"
#include "libsys/wire/quota.h"
#include "servers/console/cooked.h"
#include "servers/console/ring.h"
#include "servers/console/uart.h"

#define TERMINAL_INPUT_BYTES 16384U /* typed ahead; a power of two */
#define TERMINAL_OUTPUT_BYTES 8192U /* a power of two */
#define TERMINAL_WAITERS_MAX 32U    /* of each kind: readers, writers, flushers */

/*
 * How waiting clients are answered. `reply` is what terminal_park_* got; each answer uses it up, even if the client is
 * gone.
 */
struct terminal_clients {
    /* status OK: the bytes; none: the end of input. E_CANCEL: ask again. P_BACKGROUND. False: the client is gone. */
    bool (*answer_read)(void *context, cap_t reply, uint32_t status, const uint8_t *bytes, size_t length);
    bool (*answer_write)(void *context, cap_t reply, size_t length); /* false: the client is gone */
    void (*answer_flush)(void *context, cap_t reply);
    bool (*waits)(void *context, cap_t reply); /* false: its caller is gone, and the slot is free */
    /* Raise TERMINAL_INTERRUPT, TERMINAL_SUSPEND or both, and *place becomes `after`: both or neither. */
    void (*raise)(void *context, uint64_t bits, uint64_t *place, uint64_t after);
    void *context;
};

/* What is still to be done for keys that acted in foreground mode. */
enum terminal_due {
    TERMINAL_INTERRUPT = 1 << 0, /* Ctrl-C: tell the process server */
    TERMINAL_SUSPEND = 1 << 2,   /* Ctrl-Z: tell it ... */
    TERMINAL_CANCEL = 1 << 3,    /* ... and send away the readers of lines */
};

struct terminal_waiter {
    cap_t reply;
    uint64_t badge;         /* see identity.h */
    uint32_t owner;         /* charged for its place */
    enum console_mode mode; /* a reader: the mode in which it wants bytes, ... */
    size_t length;          /* ... and how many at most; a writer: how many it brings */
};

/*
 *     order:    | 4 | 0 | 3 | ... | 1 | 2 | ...     a permutation of the places
 *                 oldest, ...     | free            `count` of them are taken
 *
 * So waiters keep their places, and a change of the queue is a few bytes. Each place is charged to the process that the
 * badge names. Only writers and flushers of the foreground may take the last place: so the shell at its prompt is
 * heard, however much others write.
 */
struct terminal_queue {
    uint32_t count;
    uint8_t order[TERMINAL_WAITERS_MAX];
    struct terminal_waiter waiters[TERMINAL_WAITERS_MAX];
    struct quota quota; /* is computed from the waiters when a program starts */
    struct quota_owner owners[TERMINAL_WAITERS_MAX];
};

/* Returns the i-th oldest waiter. */
static inline const struct terminal_waiter *terminal_waiter(const struct terminal_queue *queue, size_t i) {
    return &queue->waiters[queue->order[i]];
}

struct terminal {
    bool begun; /* the state is set up */
    struct uart uart;
    struct uart_user uart_user;
    const struct terminal_clients *clients;
    enum console_mode mode;
    uint32_t foreground;       /* the group that has the terminal; 0 = all have it */
    bool held_back;            /* XOFF was sent to the other side, and no XON since: it has to wait */
    uint64_t input_lost_count; /* bytes typed in foreground mode while the input ring was full */

    bool hung_up; /* no more keys come: readers get the end once the input is used up */
    uint64_t due; /* enum terminal_due */

    struct ring input;
    struct cooked line;
    struct ring output;
    uint8_t last_output; /* the last byte a client wrote: LF after CR stays as it is */

    struct terminal_queue readers, writers, flushers;

    uint8_t input_bytes[TERMINAL_INPUT_BYTES];
    uint8_t output_bytes[TERMINAL_OUTPUT_BYTES];
    uint8_t writes[TERMINAL_WAITERS_MAX][CONSOLE_BYTES_MAX]; /* what waiting writers bring, by place */
};

/*
 * If *terminal is all zero, start in raw mode, and tell the other side that it may send (XON): the firmware had the
 * bytes before. Otherwise go on with the terminal of the program before. Then comes terminal_settle(), and soon
 * terminal_progress(). Returns whether there is a UART. Without one, output vanishes and reads never return.
 */
bool terminal_start(struct terminal *terminal, const struct uart_ports *ports, const struct terminal_clients *clients);

/*
 * The calls of clients, each followed by terminal_settle(), once its change is committed.
 *
 * Take bytes for output, at most CONSOLE_BYTES_MAX: all of them, or none. False: none, since other writers wait, or the
 * output ring has no room for all; the writer has to be parked.
 */
bool terminal_write(struct terminal *terminal, const uint8_t *bytes, size_t length);

/*
 * Park a writer; its bytes are taken when its answer is. terminal_park_reader parks a reader (limit: 1 ..
 * CONSOLE_BYTES_MAX), terminal_park_flusher a client that flushes. Clients that are gone do not count.
 * False: the client's process has as many places as are left for all others.
 */
MUST_USE bool terminal_park_writer(struct terminal *terminal, uint64_t badge, cap_t reply, const uint8_t *bytes,
                                   size_t length);

/*
 * Take up to `limit` bytes of input, if the terminal is in this mode; in foreground mode, of one line; none: the end of
 * input. False: the reader has to be parked.
 */
MUST_USE bool terminal_read(struct terminal *terminal, enum console_mode mode, uint8_t *bytes, size_t limit,
                            size_t *ret_length);

MUST_USE bool terminal_park_reader(struct terminal *terminal, uint64_t badge, cap_t reply, enum console_mode mode,
                                   size_t limit);

/* Is a process of this group (0: no process) kept from reading and from setting the mode? */
static inline bool terminal_is_background(const struct terminal *terminal, uint32_t group) {
    return terminal->foreground != 0 && group != 0 && group != terminal->foreground;
}

/*
 * Give the terminal to a group, in foreground mode (0: to all). terminal_settle() answers waiting readers of other
 * groups P_BACKGROUND.
 */
void terminal_set_foreground(struct terminal *terminal, uint32_t group);

void terminal_set_mode(struct terminal *terminal, enum console_mode mode);

/* Has all output been sent? */
bool terminal_is_drained(struct terminal *terminal);

MUST_USE bool terminal_park_flusher(struct terminal *terminal, uint64_t badge, cap_t reply);

/* Answer flushers if all output has been sent. False: some still wait. */
MUST_USE bool terminal_answer_flushers(struct terminal *terminal);

/* Do what the changes so far, all committed, allow: answer clients, raise signals, send bytes. */
void terminal_settle(struct terminal *terminal);

/*
 * After an interrupt, or when a program starts: serve the UART, and terminal_settle(). False: it has to be called again
 * soon, see uart_service().
 */
bool terminal_progress(struct terminal *terminal);
