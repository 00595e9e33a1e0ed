/*
 * The protocol `process`: handlers, faults, Ctrl-C and the sleepers' timer.
 */
#pragma once

#include "libsys/server.h"
#include "servers/process/launch.h"

#define EVENT_INTERRUPT 1U /* bit of `events`: the console saw Ctrl-C */
#define EVENT_TIMER 2U     /* ... somebody's sleep may be over */
#define EVENT_SUSPEND 4U   /* ... the console saw Ctrl-Z */

PROTOCOL_HANDLERS(process, PROCESS_OPERATIONS)

/* The process a call comes from. NULL: the badge is not one of a living process. */
struct process *serve_caller(const struct server_call *call);

/* The process that `pid` names, for a caller who wants to do something to it. Errors: P_NO_PROCESS; P_PERMISSION. */
MUST_USE uint32_t serve_find_target(const struct process *caller, uint64_t pid, struct process **ret_target);

/* Put the answer to a wait or sleep off: SERVER_DEFERRED. Errors: P_BUSY; P_LIMIT no slot is free. */
MUST_USE uint32_t serve_defer(struct process *caller, enum process_state state);

/* What the handlers work on. */
extern struct system served_system;
extern struct server served_server;
extern const struct protocol *const served_protocol;

/* A process has faulted: a page that it may have is brought; else it is reported and killed. */
void serve_fault(const struct server_event *event);

/* The end of a process: all it was made of goes at once, what its parent will be told stays. */
void serve_end_process(struct process *process, const struct process_wait_reply *end);

/* A process has stopped or goes on: its parent is told. */
void serve_tell_news(struct process *process);

/* The wait or sleep of a process ends, since a signal's handler is to run. */
void serve_answer_interrupted(struct process *process);

/* Bits of `events` came. */
void serve_events(uint64_t bits);

/* Let the timer go off when the next sleeper wakes; after each message, since any may have changed that. One who no longer
 * sleeps may leave it too early. */
void serve_set_timer(void);
