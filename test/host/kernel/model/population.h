/*
 * The first thread keeps up the population: it replaces pools, objects and threads that die, and deletes
 * all at the end. It never waits without a deadline, and never gives away objects that it depends on, so
 * that some thread can always run.
 */
#pragma once

#include "test/host/kernel/model/lockstep.h"

/* May the first thread make this call? */
bool population_may(const struct lockstep_call *call);

/* Make one call towards a full population, or sleep. False: kernel and model differ. */
bool population_keep(void);

/* Make one call towards an empty population. */
bool population_end(void);
bool population_is_gone(void);
