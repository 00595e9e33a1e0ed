/*
 * Answers to calls that this server has put off, and the state that all folders above work on.
 */
#pragma once

#include "libsys/wire/server.h"
#include "servers/process/memory/objects.h"

extern struct server_context served_context;
extern struct server served_server;

/* What a thread is going to wait for (struct process_thread). */
struct answer_wait {
    enum thread_wait waits;
    uint32_t flags;
    uint64_t wait_for;
    uint64_t until_ns; /* SLEEPS, WAITS_WORD */
};

/*
 * Put off the answer to the caller's call. Returns SERVER_DEFERRED; all changes are committed then. Errors: P_BUSY the
 * thread waits for an answer already; P_LIMIT no slot is free. The thread is as it was then.
 */
MUST_USE uint32_t answer_defer(struct process_thread *caller, const struct answer_wait *wait);

/*
 * Give an answer that was put off. *reply is of the operation that the thread waits in; it is used if status is OK. All
 * changes are committed with it. False: the caller has given the call up.
 */
bool answer_give(struct process_thread *thread, uint32_t status, const void *reply);

/*
 * In a handler that will return OK, when its reply is complete: give an answer, *given, to another thread, and decide
 * the handler's own call with it. False: nothing is decided, since the thread has given its call up.
 */
bool answer_give_and_decide(struct process_thread *thread, const void *given);

/* Answer those threads of a process that wait for a child, if there is news of one now, or no such child any more. */
void answer_waiting(struct process *parent);
