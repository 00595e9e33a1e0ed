/*
 * Answers calls of the protocol `console`, for which terminal.c decides what is written, what is read and who waits.
 */
#pragma once

#include "libsys/program/keep.h"
#include "libsys/wire/server.h"
#include "servers/console/terminal.h"

#define EVENT_UART 1U /* bit of `events`: the UART's interrupt, or this server's reminder to go on serving it */

extern const struct protocol *const serve_protocol;
extern const struct terminal_clients serve_clients; /* how the terminal answers the callers that have to wait */

/* What outlives the program. Change the number when it changes its form or its meaning. */
#define CONSOLE_LAYOUT KEEP_LAYOUT('c', 'o', 'n', 1U)
struct console_kept {
    struct server server;
    struct terminal terminal;
};
static struct console_kept *const kept = (struct console_kept *)KEEP_STATE_AT;

/* What the answers need of the system. main.c fills it in. */
extern struct serve_caps { cap_t irq, events, interrupt; } served_caps;

/* Claim the slots that waiting callers are answered by, before any slot is taken. */
void serve_claim_waiters(void);

/* Let the terminal go on: the UART has interrupted, or the reminder has come. */
void serve_interrupt(void);

/* Answer the callers of `flush` if all output is sent; otherwise set a reminder. */
void serve_flushers(void);
