/*
 * The thread that watches the main thread: a case that faults, or that is not over in time, ends the suite with its
 * name instead of hanging the machine.
 */
#pragma once

#include <stdint.h>

/* Make the guard; world_init must have run. Lowers the main thread to PRIORITY_MAIN, below the guard. */
void guard_start(void);

/* Be satisfied until this moment. */
void guard_watch_until(uint64_t deadline_ns);
