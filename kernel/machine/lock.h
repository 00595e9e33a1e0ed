/*
 * The kernel lock: one, held by whichever CPU is in the kernel. Interrupts are off whenever it is held, so nothing that
 * wants it can interrupt its holder. A ticket lock: first come, first served. Whoever waits answers the holder's requests.
 *
 * The fast path (fastpath.h) does without: what it changes belongs to its CPU alone as long as nobody has the lock. It says
 * that it is at work, then looks whether the lock is held; the holder says that it is, then waits until no CPU is in
 * the fast path. Each has a full barrier in between, so that one of them sees the other.
 */
#pragma once

#include "kernel/machine/stay.h"

struct ticket_lock {
    uint32_t next;    /* the ticket that the next to come draws */
    uint32_t serving; /* whose turn it is */
    uint32_t holder;  /* with several CPUs: who has had his turn and has said so; held as long as it is `serving` */
};

extern struct ticket_lock kernel_ticket_lock;

/* Wait for the turn of `ticket`, and for fast paths under way (request.c). With several CPUs no ticket is served at once, so that
 * this is always called; with one, there is nothing to wait for. */
void kernel_lock_wait(uint32_t ticket);
/* From now on there are several. The caller has the lock. */
void kernel_lock_share(void);

/*
 * With checks and a seed (CONTROL_TEST_SCHEDULE), a CPU pauses where another one could come in between. An emulator that runs CPUs in
 * turn goes on with the next one at a pause, so that each seed is an interleaving of its own, and the same each time.
 */
extern uint64_t explore_seed;
void explore_pause(void);
static inline void sched_point(void) {
    if (BATON_CHECKS && __atomic_load_n(&explore_seed, __ATOMIC_RELAXED) != 0)
        explore_pause();
}

/* Of a CPU that has just been started: its first stay begins in sched_start(). */
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
    uint32_t served = __atomic_load_n(&kernel_ticket_lock.serving, __ATOMIC_RELAXED); /* both in one instruction */
    __atomic_store_n(&kernel_ticket_lock.serving, served + 1, __ATOMIC_RELEASE);
}
