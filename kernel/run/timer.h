/*
 * Deadlines: of waits and of notifications' timers. Each CPU arms its one-shot timer for the first, or for the end of a time slice
 * if that comes earlier. Time is ns on the clock of clock_read.
 *
 * What comes to pass is charged to a priority: that of the waiting thread, or that which the thread had that set the timer. Each CPU
 * has a heap for each priority, and the highest comes first, so whoever sets thousands of timers delays only those of the same
 * priority and below. One interrupt lets at most TIMER_BATCH happen. Before the next batch user code runs:
 *
 *   deadlines above all of the last batch      at once
 *   others, from the running priority on       after TIMER_PAUSE_NS
 *   those below the running priority           after TIMER_LOW_PAUSE_NS, if the last batch had any of them
 *
 * So lower priorities take one interrupt in a millisecond from a higher one, and one more for each that is above all of the last batch.
 * They may be late, but they come, since somebody else may wait for what they raise. An idle CPU does not wait between batches.
 *
 * While something is dead that nobody takes apart, a busy CPU does one step of it in a millisecond, and one with each
 * interrupt of the timer: somebody may wait for its end.
 *
 * The running priority is looked at when the timer is armed (timer_arm_next). A message that takes the fast path does not arm it, nor
 * does a thread that waits and leaves the CPU to the next (sched_wait): in the turn of a lower one deadlines between the two priorities
 * can be late by that millisecond.
 */
#pragma once

#include "kernel/run/deadline.h"

#define TIMER_BATCH 3U        /* one may leave two heaps of thousands, which takes some 1,800 instructions */
#define TIMER_PAUSE_NS 11000U /* 10 us, and the way out and in */
#define TIMER_LOW_PAUSE_NS 1000000U
#define TIMER_REAP_NS 1000000U /* while a CPU has no time to idle, and something is dead */

/* Lock: kernel lock, for everything here. */

/* Set or move. `when_ns` == DEADLINE_NEVER: cancel. A thread's is charged to it, a notification's to the running thread of `cpu`. */
void timer_set(struct deadline *deadline, struct cpu *cpu, uint64_t when_ns);
void timer_remove(struct deadline *deadline); /* one that is set */
static inline void timer_cancel(struct deadline *deadline) {
    if (heap_contains_node(&deadline->node))
        timer_remove(deadline);
}
/* The waiting thread has got another priority or CPU: so has its deadline, if it has one. */
void timer_follow(struct deadline *deadline, struct cpu *cpu);

/* The earliest deadline of the highest priority that is due and may come to pass now, or NULL. */
struct deadline *timer_first_due(const struct cpu *cpu, uint64_t now);

/* A batch is over, whose deadlines are charged to priorities from `lowest` to `highest`: when the next ones may be. */
void timer_note_batch(struct cpu *cpu, uint8_t lowest, uint8_t highest);

/* Arm for what comes first: a deadline, the end of a time slice, or `reap_ns`. Called when the kernel is left and something may have
 * changed. */
void timer_arm_next(struct cpu *cpu, uint64_t reap_ns);
