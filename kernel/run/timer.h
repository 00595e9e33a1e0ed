/*
 * Deadlines: of waits and of notifications' timers. Each CPU arms its one-shot timer for the earliest of them, or for
 * the end of a time slice if that comes first. Time is ns on the clock of clock_read.
 *
 * A deadline is charged to a priority: that of the waiting thread, or that of the thread that set the timer when it did
 * so. Each CPU has a heap for each priority and looks at the highest first, so a thread that sets thousands of timers
 * delays only deadlines of its own priority and below. One interrupt handles at most TIMER_BATCH deadlines. Before the
 * next batch user code runs:
 *
 *   deadlines above all of the last batch      at once
 *   others, from the running priority on       after TIMER_PAUSE_NS
 *   those below the running priority           after TIMER_LOW_PAUSE_NS, if the last batch had any of them
 *
 * So lower priorities take one interrupt in a millisecond from a higher one, and one more for each deadline that is
 * above all of the last batch. Deadlines may be late, but they come, since other threads may wait for the bits that
 * they raise. An idle CPU does not wait between batches.
 *
 * While dead objects wait to be taken apart, the timer of a busy CPU fires at least once in a millisecond, and each
 * timer interrupt does one step of that work: a thread may wait for its end.
 *
 * Arming the timer looks at the running priority (timer_arm_next). A message that takes the fast path does not arm it,
 * nor does a thread that waits and leaves the CPU to the next (sched_wait). While the next thread runs with a lower
 * priority, deadlines between the two priorities can be late by that millisecond.
 */
#pragma once

#include "kernel/run/sched.h"

#define TIMER_BATCH 3U        /* each may take a thread out of two heaps of thousands, in some 1,800 instructions */
#define TIMER_PAUSE_NS 11000U /* 10 us, and the way out and in */
#define TIMER_LOW_PAUSE_NS 1000000U
#define TIMER_REAP_NS 1000000U /* while a CPU has no time to idle, and objects are dead */

/* Lock: kernel lock, for everything here. */

/*
 * Set or move a deadline. `when_ns` == DEADLINE_NEVER: cancel it. A thread's deadline is charged to the thread, a
 * notification's to the running thread of `cpu`.
 */
void timer_set(struct deadline *deadline, struct cpu *cpu, uint64_t when_ns);
void timer_remove(struct deadline *deadline); /* one that is set */
static inline void timer_cancel(struct deadline *deadline) {
    if (heap_contains_node(&deadline->node))
        timer_remove(deadline);
}
/* Move the deadline of a waiting thread, if it has one, to the thread's new priority or CPU. */
void timer_follow(struct deadline *deadline, struct cpu *cpu);

/* The earliest time for due deadlines of this priority (above). On an idle CPU they don't wait. */
static inline uint64_t timer_not_before(const struct cpu *cpu, uint32_t priority) {
    if (cpu->blocked || priority > cpu->batch_priority)
        return 0;
    bool is_low = priority < cpu->current->priority && cpu->batch_ns < cpu->low_batch_ns;
    return is_low ? cpu->low_batch_ns : cpu->batch_ns;
}

/* The earliest deadline of the highest priority that has one due and allowed now, or NULL. */
static inline struct deadline *timer_first_due(const struct cpu *cpu, uint64_t now) {
    for (uint64_t rest = cpu->deadline_bitmap; rest != 0;) {
        uint32_t priority = sched_top(rest);
        struct heap_node *first = heap_first(&cpu->deadlines[priority]);
        if (first->key <= now && timer_not_before(cpu, priority) <= now)
            return CONTAINER_OF(first, struct deadline, node);
        rest ^= 1ULL << priority;
    }
    return NULL;
}

/*
 * Note the end of a batch whose deadlines were charged to priorities from `lowest` to `highest`, and when the next
 * batches may be.
 */
static inline void timer_note_batch(struct cpu *cpu, uint8_t lowest, uint8_t highest) {
    uint64_t end = arch_clock_ns();
    cpu->batch_priority = highest;
    cpu->batch_ns = end + TIMER_PAUSE_NS;
    if (!cpu->blocked && lowest < cpu->current->priority)
        cpu->low_batch_ns = end + TIMER_LOW_PAUSE_NS;
}

/*
 * Arm the timer for the earliest of a deadline, the end of a time slice, and `reap_ns`. Call when the kernel is left
 * and one of them may have changed.
 */
void timer_arm_next(struct cpu *cpu, uint64_t reap_ns);
