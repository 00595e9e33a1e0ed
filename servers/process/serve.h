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

/* The process that `pid` names, for a caller who wants to do something to it. Errors: P_NO_PROCESS; P_PERMISSION. */
MUST_USE uint32_t serve_find_target(const struct process *caller, uint64_t pid, struct process **ret_target);

/* Put an answer off: SERVER_DEFERRED. Errors: P_BUSY; P_LIMIT no slot is free. */
MUST_USE uint32_t serve_defer(struct thread *caller, enum thread_wait waits);

/* ... and give it; *reply is that of the operation it waits in, if the status is OK. False: the call has been given up. */
bool serve_answer(struct thread *thread, uint32_t status, const void *reply);

/* Let something be after this time; UINT64_MAX = never. */
void serve_set_wake(struct wake *wake, uint64_t duration_ns);

/* What a process has used of the CPU. */
uint64_t serve_time_ns(struct process *process);

/* Look how much of its time a process has used, do what follows from that, and look again in time. */
void serve_watch_time(struct process *process);

/* What the handlers work on. */
extern struct system served_system;
extern struct server served_server;
extern const struct protocol *const served_protocol;

/* The process of the living thread that a badge names, and that thread. NULL: there is none. */
static inline struct process *serve_badge_process(uint64_t badge) {
    struct process *process = process_find(&served_system.processes, BODY_BADGE_PID(badge));
    return process != NULL && (process->living >> BODY_BADGE_NUMBER(badge) % PROCESS_THREADS_MAX & 1) != 0 ? process
                                                                                                           : NULL;
}
static inline struct thread *serve_badge(uint64_t badge) {
    struct process *process = serve_badge_process(badge);
    return process != NULL ? thread_at(process, BODY_BADGE_NUMBER(badge)) : NULL;
}

/* ... that a call comes from. */
static inline struct process *serve_caller(const struct server_call *call) { return serve_badge_process(call->badge); }

/* A process has faulted: a page that it may have is brought, for which another process may end (pressure.h); else it is reported and killed. */
void serve_fault(const struct server_event *event);

/* The end of a process: all it was made of goes at once; its parent is told by deliver_due. */
void serve_end_process(struct process *process, const struct process_wait_reply *end);

/* A process has ended, stopped or goes on: its parent gets CHLD, and an answer if it waits for that. For deliver_due. */
void serve_tell_parent(struct process *process);

/* Look again what the waiting threads of a process find: news of a child, or that there is no such child any more. */
void serve_look_for_children(struct process *parent);

/* May a process name the foreground? Errors: P_PERMISSION; P_BACKGROUND. */
MUST_USE uint32_t serve_may_name_foreground(const struct process *caller);

/* A caller that may has started a child as a part of the foreground. */
void serve_start_foreground(struct process *caller, struct process *child);

/* If another group is in the foreground now, the console hears of it: after whatever may have changed that. */
void serve_tell_console(void);

/* Bits of `events` came. */
void serve_events(uint64_t bits);

/* Let the timer go off when the next sleeper wakes; after each message, since any may have changed that. */
void serve_change_timer(void);
extern uint64_t serve_timer_ns; /* when it will */
static inline void serve_set_timer(void) {
    if (wakes_next(&served_system.processes.wakes) != serve_timer_ns)
        serve_change_timer();
}
