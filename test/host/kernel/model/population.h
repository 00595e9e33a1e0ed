/*
 * The first thread looks after the others: it makes pools, objects and threads as they die, and deletes all at the end.
 * It never waits without a deadline and never gives away what it lives from, so that there is always somebody who runs.
 */
#pragma once

#include "test/host/kernel/model/lockstep.h"

/* May the first thread make this call? */
bool population_may(const struct lockstep_call *call);

/* One call towards a full population, or a sleep. False: kernel and model differ. */
bool population_keep(void);

/* One call towards none at all. */
bool population_end(void);
bool population_is_gone(void);
