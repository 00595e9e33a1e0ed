/*
 * The protocol `process`: handlers of calls, of faults, of Ctrl-C and Ctrl-Z, and of the timer.
 */
#pragma once

#include "servers/process/answers/answer.h"
#include "servers/process/programs/launch.h"

/* A handler gets the calling process, which is alive; serve_thread() is its calling thread. */
#define CALL_HANDLER(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps)  \
    SERVER_HANDLER uint32_t proto##_serve_##name(struct server_call *call,                       \
                                                 const struct proto##_##name##_request *request, \
                                                 struct proto##_##name##_reply *reply, struct process *caller);
PROCESS_OPERATIONS(CALL_HANDLER)

/* Find the process that `pid` names, for a caller that acts on it. Errors: P_NO_PROCESS; P_PERMISSION. */
MUST_USE uint32_t serve_find_target(const struct process *caller, uint64_t pid, struct process **ret_target);

extern const struct protocol served_protocol;

/* The process of the living thread that a badge names, and that thread. NULL: there is none. */
static inline struct process *serve_badge_process(uint64_t badge) {
    struct process *process = process_find(&served_context.processes, OBJECTS_BADGE_PID(badge));
    return process != NULL && (process->living >> OBJECTS_BADGE_NUMBER(badge) % PROCESS_THREADS_MAX & 1) != 0 ? process
                                                                                                              : NULL;
}
static inline struct process_thread *serve_badge(uint64_t badge) {
    struct process *process = serve_badge_process(badge);
    return process != NULL ? thread_at(process, OBJECTS_BADGE_NUMBER(badge)) : NULL;
}

/* In a handler: the thread that calls. */
static inline struct process_thread *serve_thread(struct process *caller, const struct server_call *call) {
    return thread_at(caller, OBJECTS_BADGE_NUMBER(call->badge));
}

/*
 * Serve a fault. A page that the process may have is brought; another process may end to make room for it (pressure.h).
 * Any other fault goes to a handler, or is reported and ends the process.
 */
void serve_fault(const struct server_event *event);

/* May a process name the foreground? Errors: P_PERMISSION; P_BACKGROUND. */
MUST_USE uint32_t serve_may_name_foreground(const struct process *caller);

/* Note that a caller that may name the foreground has started a child as a part of it. */
void serve_start_foreground(struct process *caller, struct process *child);

/* Serve bits that were raised in the notification `events`. */
void serve_events(uint64_t bits);
