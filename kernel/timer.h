/*
 * Deadlines: of waits and of notifications' timers. Each CPU has a heap of them, ordered by ns on the clock of
 * clock_read, and arms its one-shot timer for the first, or for the end of a time slice if that comes earlier.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/heap.h"

struct cpu;

enum deadline_kind {
    DEADLINE_THREAD,       /* thread.deadline: end its wait with E_TIMEOUT */
    DEADLINE_NOTIFICATION, /* notification.deadline: raise its timer bits */
};

struct deadline {
    struct heap_node node; /* key = ns */
    struct cpu *cpu;       /* whose heap it is in */
    enum deadline_kind kind;
};

/* Lock: kernel lock, for everything here. */

/* Set or move. `when_ns` == DEADLINE_NEVER: cancel. */
void timer_set(struct deadline *deadline, struct cpu *cpu, uint64_t when_ns);
void timer_remove(struct deadline *deadline); /* one that is set */
static inline void timer_cancel(struct deadline *deadline) {
    if (heap_contains_node(&deadline->node))
        timer_remove(deadline);
}

/* The timer interrupt of this CPU: let what is due happen, and end the time slice if it is over. At most TIMER_BATCH
 * deadlines; if more are due, the timer is armed for at once, so that user code runs in between. */
void timer_interrupt(struct cpu *cpu);
#define TIMER_BATCH 16U

/* Arm for what comes first. Called when the kernel is left and something may have changed. */
void timer_arm_next(struct cpu *cpu);
