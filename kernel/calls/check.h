/*
 * The whole-system invariant check. It walks everything: for tests and debug builds only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Check all invariants. Returns INVARIANT_NONE if all hold, otherwise the first (enum invariant) that does not. Lock:
 * kernel lock.
 */
uint64_t check_invariants(void);

enum invariant {
    INVARIANT_NONE = 0,
    INVARIANT_THREADS = 1,    /* ready threads are in one queue, others where their state says; copies are right */
    INVARIANT_QUEUES = 2,     /* heaps are well formed; no endpoint has both senders and receivers; one bound thread */
    INVARIANT_DERIVATION = 3, /* lists are linked both ways, of one object each; depths plausible; total right */
    INVARIANT_LEDGER = 4, /* frame counts are leaf entries, message and trace pages; table counts are entries; users'
                                  leaves lead to users' frames, or to devices that are not the kernel's own */
    INVARIANT_POOLS = 5,  /* unused and used frames add up, and belong to the pool; frames marked zero are zero */
    INVARIANT_KERNEL_HALF = 6,   /* every root has the sealed one */
    INVARIANT_WRITE_EXECUTE = 7, /* no page of a user half is writable and executable */
};

/* For tests: hand over although the audit refuses, to see the harm that it prevents. */
extern bool handover_unaudited;
