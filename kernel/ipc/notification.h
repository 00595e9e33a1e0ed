/*
 * Notifications: a word of bits that anybody may raise and somebody waits for. Interrupts and timers raise them too.
 * A thread bound to one gets its bits in ep_wait.
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

/* The bound thread, if it is in ep_wait, takes what is raised. For when it has just been bound. */
void notification_tell_bound(struct notification *notification);

/* What is raised, which is nothing afterwards. */
static inline uint64_t notification_take(struct notification *notification) {
    uint64_t bits = notification->bits;
    notification->bits = 0;
    return bits;
}
