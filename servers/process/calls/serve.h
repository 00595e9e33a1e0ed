/*
 * The protocol `process`: handlers, faults, Ctrl-C and the sleepers' timer.
 */
#pragma once

#include "servers/process/answers/answer.h"
#include "servers/process/programs/launch.h"

/* A handler is told which process calls: a living one, and serve_thread() is the thread of it that does. */
#define CALL_HANDLER(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps)  \
    SERVER_HANDLER uint32_t proto##_serve_##name(struct server_call *call,                       \
                                                 const struct proto##_##name##_request *request, \
                                                 struct proto##_##name##_reply *reply, struct process *caller);
PROCESS_OPERATIONS(CALL_HANDLER)

/* The process that `pid` names, for a caller who wants to do something to it. Errors: P_NO_PROCESS; P_PERMISSION. */
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

/* A process has faulted: a page that it may have is brought, for which another process may end (pressure.h); else it is reported and killed. */
void serve_fault(const struct server_event *event);

/* May a process name the foreground? Errors: P_PERMISSION; P_BACKGROUND. */
MUST_USE uint32_t serve_may_name_foreground(const struct process *caller);

/* A caller that may has started a child as a part of the foreground. */
void serve_start_foreground(struct process *caller, struct process *child);

/* Bits of `events` came. */
void serve_events(uint64_t bits);
