/*
 * Endpoints: where a call meets a server.
 *
 *   caller --ep_call--> [endpoint: senders | receivers] <--ep_wait-- server
 *          <-------------------- Reply capability -------ep_reply---
 *
 * At most one of the two queues has threads. The words of a message stay where the sender has them (registers, message
 * page) until both sides are there, and go straight across.
 */
#pragma once

#include "kernel/run/thread.h"

struct endpoint {
    struct object object;
    struct heap senders;   /* IN_CALL, IN_FAULT */
    struct heap receivers; /* IN_WAIT */
    struct cpu *home;      /* CPU of the last receiver to wait the long way: only there may the fast path queue one */
    struct cap_slot watch; /* the notification that endpoint_watch bound; see ipc/watch.h */
    uint64_t watch_bits;
};

/* Lock: kernel lock. */
struct endpoint *endpoint_make(struct pool *pool); /* NULL: no memory */

/*
 * Report that the running thread can't go on: send the fault to its fault endpoint; without one the thread stops.
 * `address` and `access` as in struct fault_message.
 */
void fault_raise(struct thread *thread, enum fault_kind kind, uint64_t address, uint64_t access);

/*
 * The mechanism of message calls, for arguments that were checked. The caller's frame has the arguments and gets the
 * results. Each may fail with the errors of its call; then nothing has changed. CALL_BLOCKED: `self` waits.
 */

/* Call through `slot`, an Endpoint. */
uint64_t endpoint_call(struct thread *self, const struct cap_slot *slot, uint64_t info);

/*
 * Take the next message, or wait for one. The thread's reply slot must be empty. CALL_BLOCKED: `self` is in the queue,
 * and the caller must make it IN_WAIT.
 */
uint64_t endpoint_receive(struct thread *self, struct endpoint *endpoint, uint64_t deadline_ns);

/*
 * Answer the thread that the reply capability in `slot` stands for. On success the slot is empty, and *ret_caller is
 * the thread if it may run now, NULL if it stays stopped.
 */
enum status endpoint_answer(struct thread *self, struct cap_slot *slot, struct thread **ret_caller);
