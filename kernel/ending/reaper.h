/*
 * The reaper takes dead objects (pile.h) apart, in bounded steps.
 */
#pragma once

#include "kernel/ending/pile.h"

/* Lock: kernel lock, for everything here. */

/*
 * Take dead objects apart, the top pool's first, down to `place`, which is 1 or more: one step, and as many more as fit
 * into `budget`. True: no pool is in that place or above any more. Any thread may do this work for another. Idle CPUs
 * do it, too, and so does the timer of a busy CPU (timer.h). So the remains of a killed thread do not wait for the
 * thread that killed it.
 */
bool reaper_run_to(uint64_t place, uint32_t budget);
static inline bool reaper_run(uint32_t budget) { return reaper_run_to(1, budget); }

/*
 * The status of a call for which `pool` had not enough memory: E_MEMORY, or CALL_RESTART if there are dead objects in
 * the pool. Then one step of the reaper has been done.
 */
enum status reaper_refuse(struct pool *pool);

#define REAPER_BUDGET 64U /* for one stay, in units of about 100 instructions */
