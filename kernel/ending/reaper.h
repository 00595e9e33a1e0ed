/*
 * The reaper takes apart what is dead (pile.h), in bounded steps.
 */
#pragma once

#include "kernel/ending/pile.h"

/* Lock: kernel lock, for everything here. */

/*
 * Take dead objects apart, the top pool's first: one step, and as many more as fit into `budget`, down to `place`, which is 1 or
 * more. True when the pile does not reach to that place any more. Any thread may do another's work here, and an idle CPU does:
 * what a killed thread left behind does not wait for it. So does the timer of a busy CPU (timer.h).
 */
bool reaper_run_to(uint64_t place, uint32_t budget);
static inline bool reaper_run(uint32_t budget) { return reaper_run_to(1, budget); }

/* `pool` had not enough memory. E_MEMORY; or CALL_RESTART, if something is dead in it, of which one step has been done now. */
enum status reaper_refuse(struct pool *pool);

#define REAPER_BUDGET 64U /* of one stay, in units of about 100 instructions */
