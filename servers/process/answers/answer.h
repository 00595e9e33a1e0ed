/*
 * Answers to calls that this server has put off, and the state that all folders above work on.
 */
#pragma once

#include "libsys/wire/server.h"
#include "servers/process/memory/objects.h"

extern struct server_context served_context;
extern struct server served_server;

/*
 * Put off the answer to the caller's call. Returns SERVER_DEFERRED. Errors: P_BUSY the thread waits for an answer
 * already; P_LIMIT no slot is free.
 */
MUST_USE uint32_t answer_defer(struct process_thread *caller, enum thread_wait waits);

/*
 * Give an answer that was put off. *reply is of the operation that the thread waits in; it is used if status is OK.
 * False: the caller has given the call up.
 */
bool answer_give(struct process_thread *thread, uint32_t status, const void *reply);

/* Answer those threads of a process that wait for a child, if there is news of one now, or no such child any more. */
void answer_waiting(struct process *parent);
