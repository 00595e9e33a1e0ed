/*
 * A guest suite: cases in a table (test/lib/test.h), which run in init's place.
 *
 *     static void cap_delete_empties_a_slot(void) {
 *         cap_t slot = world_create(OBJECT_ENDPOINT, 0);
 *         CHECK_STATUS(sys_cap_delete(0, slot), OK);
 *     }
 *     SUITE(CASE(cap_delete_empties_a_slot), ...);
 *
 * A case's name begins with the system call it tests. Around each case the framework makes and destroys a scratch pool
 * (world.h), and the case fails if afterwards one frame, one capability or one byte of kernel memory is not what it
 * was, or if an invariant of the kernel's is broken. Another thread watches (guard.c): a case that faults or hangs ends
 * the suite with its name. Checks are for the main thread; workers (worker.h) leave results for it.
 */
#pragma once

#include "test/lib/status.h"

/* The time limit of a case, unless the command line's word limit_ms=N or the case sets another. */
#define TEST_LIMIT_MS 10000U
#define TEST_STAY_LIMIT 10000U /* instructions: a program may get an interrupt this much after its device raised it */
uint64_t test_limit_default_ns(void);

/* From now on, this case may take so long. */
void test_limit_ms(uint64_t limit_ms);

/* Is the kernel built with its checks? */
bool test_checks_built(void);

/* For guard.c: fail the current case for this reason, and power the machine off. */
_Noreturn void test_bail_out(const char *reason);
