/*
 * The whole-system invariant check. Walks everything; for tests and debug builds, not for the hot path.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 0: all hold; else the number of the first that does not: enum invariant. Lock: kernel lock. */
uint64_t check_invariants(void);

enum invariant {
    INVARIANT_NONE = 0,
    INVARIANT_THREADS = 1,    /* each ready thread on one queue, each other one where its state says; copies right */
    INVARIANT_QUEUES = 2,     /* heaps well formed; never senders and receivers at one endpoint; one bound thread */
    INVARIANT_DERIVATION = 3, /* lists linked both ways, depths plausible, one object each, the total right */
    INVARIANT_LEDGER = 4, /* frame counts = leaf entries, message and trace pages; table counts = entries; users' leaves
                                  lead to users' frames, or to devices that are not the kernel's own */
    INVARIANT_POOLS = 5,  /* unused and used frames add up, and belong to the pool; what is said to be zero is */
    INVARIANT_KERNEL_HALF = 6,   /* every root's is the sealed one */
    INVARIANT_WRITE_EXECUTE = 7, /* no page of a user half is writable and executable */
};

/* For tests: hand over whatever the audit says, to see what it would have prevented. */
extern bool handover_unaudited;
