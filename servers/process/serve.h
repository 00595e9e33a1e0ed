/*
 * The protocol `process`: handlers, faults, Ctrl-C and the sleepers' timer.
 */
#pragma once

#include "libsys/server.h"
#include "servers/process/launch.h"

#define EVENT_INTERRUPT 1U /* bit of `events`: the console saw Ctrl-C */
#define EVENT_TIMER 2U     /* ... somebody's sleep may be over */

/* What the handlers work on. */
extern struct system served_system;
extern struct server served_server;
extern const struct protocol *const served_protocol;

/* A process has faulted: it is reported and killed. */
void serve_fault(const struct server_event *event);

/* Bits of `events` came. */
void serve_events(uint64_t bits);

/* Let the timer go off when the next sleeper wakes; after each message, since any may have changed that. */
void serve_set_timer(void);
