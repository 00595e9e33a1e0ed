/*
 * Answers to the calls of threads that this server has put off, and what all above works on.
 */
#pragma once

#include "libsys/server.h"
#include "servers/process/memory/objects.h"

extern struct server_context served_context;
extern struct server served_server;

/* Put an answer off: SERVER_DEFERRED. Errors: P_BUSY; P_LIMIT no slot is free. */
MUST_USE uint32_t answer_defer(struct process_thread *caller, enum thread_wait waits);

/* ... and give it; *reply is that of the operation it waits in, if the status is OK. False: the call has been given up. */
bool answer_give(struct process_thread *thread, uint32_t status, const void *reply);

/* Look again what the waiting threads of a process find: news of a child, or that there is no such child any more. */
void answer_waiting(struct process *parent);
