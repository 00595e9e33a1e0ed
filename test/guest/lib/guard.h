/*
 * The guard, a thread that watches the main thread. If a case faults or exceeds its time, it ends the suite and names
 * the case, so that the machine does not hang.
 */
#pragma once

#include <stdint.h>

/* Make the guard. world_init must have run. Lowers the main thread to PRIORITY_MAIN, below the guard. */
void guard_start(void);

/* The current case may take until this time. */
void guard_watch_until(uint64_t deadline_ns);
