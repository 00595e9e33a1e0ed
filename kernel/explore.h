/*
 * Exploration of schedules: with checks and a seed, a CPU pauses at the places where another one could come in between. An emulator
 * that runs CPUs in turn goes on with the next one at a pause, so that each seed is an interleaving of its own, and the same
 * each time. Nothing without -Dchecks.
 */
#pragma once

#include <stdint.h>

extern uint64_t explore_seed; /* 0: no pauses; CONTROL_TEST_SCHEDULE */

void explore_pause(void);

static inline void sched_point(void) {
    if (BATON_CHECKS && __atomic_load_n(&explore_seed, __ATOMIC_RELAXED) != 0)
        explore_pause();
}
