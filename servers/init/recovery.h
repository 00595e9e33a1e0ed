/*
 * Brings programs back that ended: by a fault, because they hang, or at somebody's request. The next program takes over
 * the thread, the table and the kept memory of the one before (build.h); docs/recovery.md says what that gives.
 */
#pragma once

#include "servers/init/build.h"

/* Start to watch the programs whose manifest says so. False: it can't be done, and the log says why. */
MUST_USE bool recovery_start(void);

/* A program has ended with these registers. Start it again, now or a little later, or see to it that it is gone. */
void recovery_of(struct child *child, enum init_end end, const struct thread_registers *dead);

/*
 * End a program and start it again. Errors: P_GONE it has ended for good; P_OPERATION its manifest has no `restart`, or
 * it keeps no state; P_BUSY it is about to come back, is being swapped, or is within cap_delete.
 */
MUST_USE uint32_t recovery_request(struct child *child);

/* The timer has come: start what is due, and look for programs that hang. */
void recovery_tick(void);
