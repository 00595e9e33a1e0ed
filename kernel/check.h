/*
 * The whole-system invariant check. Walks everything; for tests and debug builds, not for the hot path.
 */
#pragma once

#include <stdint.h>

/* 0: all hold; else the number of the first that does not: enum invariant. Lock: kernel lock. */
uint64_t check_invariants(void);

enum invariant {
    INVARIANT_NONE = 0,
    INVARIANT_READY_QUEUES = 1,   /* each ready thread on one queue, bitmap and states right */
    INVARIANT_DEADLINES = 2,      /* heaps well formed */
    INVARIANT_DERIVATION = 3,     /* lists linked both ways, depths plausible, types and objects the same */
    INVARIANT_LEDGER = 4,         /* a user frame's count = leaf entries and message pages that hold it */
    INVARIANT_TABLE_COUNTS = 5,   /* a table's count = its present entries */
    INVARIANT_POOLS = 6,          /* free and used frames add up */
    INVARIANT_KERNEL_HALF = 7,    /* every root's is the sealed one */
    INVARIANT_WRITE_EXECUTE = 8,  /* no user page is writable and executable, none reaches the kernel's frames */
};
