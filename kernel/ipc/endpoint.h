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

#include "kernel/base/heap.h"
#include "kernel/cap/object.h"
#include "kernel/run/thread.h"

struct endpoint {
    struct object object;
    struct heap senders;   /* IN_CALL, IN_FAULT */
    struct heap receivers; /* IN_WAIT */
    struct cpu *home;      /* where the last one came to wait the long way: only there may the fast path enter one */
    struct cap_slot watch; /* the notification that endpoint_watch bound; see watch.h */
    uint64_t watch_bits;
};

/* Lock: kernel lock. */
struct endpoint *endpoint_make(struct pool *pool); /* NULL: no memory */
bool endpoint_reap_step(struct endpoint *endpoint);

/* The running thread can't go on: that is sent to its fault endpoint; without one it stays stopped. `address` and `access` as
 * in struct fault_message. */
void fault_raise(struct thread *thread, enum fault_kind kind, uint64_t address, uint64_t access);

/* The handlers of message calls: arguments and results are in the caller's frame, but for the status. */
uint64_t sys_ep_call(struct thread *self);
uint64_t sys_ep_wait(struct thread *self);
uint64_t sys_ep_reply(struct thread *self);
uint64_t sys_ep_reply_wait(struct thread *self);
