/*
 * The kernel lock. There is one; the CPU that is in the kernel holds it. Interrupts are off while it is held, so no
 * code that needs it can interrupt the holder. It is a ticket lock: first come, first served. Waiting CPUs answer the
 * holder's requests.
 *
 * The fast path (fastpath.h) does without the lock: while no CPU holds it, the data that the fast path changes belongs
 * to its CPU alone. The fast path announces itself, then checks that the lock is free. The holder announces itself,
 * then waits until no CPU is in the fast path. Each has a full barrier in between, so at least one of them sees the
 * other.
 */
#pragma once

#include "kernel/machine/stay.h"

struct ticket_lock {
    uint32_t next;    /* the next ticket to be drawn */
    uint32_t serving; /* the ticket whose turn it is */
    uint32_t holder;  /* with several CPUs: the last ticket whose CPU announced itself; held while it is `serving` */
};

extern struct ticket_lock kernel_ticket_lock;

/*
 * Wait for the turn of `ticket`, and for fast paths under way (request.c). With several CPUs a new ticket never equals
 * `serving`, so that this is always called; with one CPU, there is nothing to wait for.
 */
void kernel_lock_wait(uint32_t ticket);
/* Prepare the lock for several CPUs. The caller has the lock. */
void kernel_lock_share(void);

/*
 * With checks and a seed (CONTROL_TEST_SCHEDULE), a CPU pauses where another one could come in between. An emulator
 * that runs CPUs in turn goes on with the next CPU at a pause, so each seed is a reproducible interleaving.
 */
extern uint64_t explore_seed;
void explore_pause(void);
static inline void sched_point(void) {
    if (BATON_CHECKS && __atomic_load_n(&explore_seed, __ATOMIC_RELAXED) != 0)
        explore_pause();
}

/* kernel_lock() for a CPU that has just been started: its first stay begins in sched_start(). */
static inline void kernel_lock_first(void) {
    sched_point();
    uint32_t ticket = __atomic_fetch_add(&kernel_ticket_lock.next, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&kernel_ticket_lock.serving, __ATOMIC_ACQUIRE) != ticket)
        kernel_lock_wait(ticket);
}

static inline void kernel_lock(void) {
    kernel_lock_first();
    stay_begin(arch_this_cpu());
}

static inline void kernel_unlock(void) {
    stay_end(arch_this_cpu());
    sched_point();
    /* The compiler makes one instruction of both. */
    uint32_t served = __atomic_load_n(&kernel_ticket_lock.serving, __ATOMIC_RELAXED);
    __atomic_store_n(&kernel_ticket_lock.serving, served + 1, __ATOMIC_RELEASE);
}
