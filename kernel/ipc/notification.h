/*
 * Notifications: a word of bits. Threads, interrupts and timers raise bits; threads wait for them. A thread bound to a
 * notification gets its bits in ep_wait, too.
 */
#pragma once

#include "kernel/run/thread.h"

struct notification {
    struct object object;
    uint64_t bits; /* raised and not yet taken */
    struct heap waiters;
    struct thread *bound; /* NULL: none */
    struct deadline deadline;
    uint64_t timer_bits; /* raised when the deadline comes */
};

/* Lock: kernel lock. */
struct notification *notification_make(struct pool *pool); /* NULL: no memory */

/* Raise bits: the first waiter, or the bound thread if it is in ep_wait, takes all bits and runs on. */
void notification_raise(struct notification *notification, uint64_t bits);

/*
 * If bits are raised and the bound thread is in ep_wait, it takes them and runs on. Call when a thread has just been
 * bound.
 */
void notification_tell_bound(struct notification *notification);

/* Take the raised bits; none is raised afterwards. */
static inline uint64_t notification_take(struct notification *notification) {
    uint64_t bits = notification->bits;
    notification->bits = 0;
    return bits;
}
