/*
 * For the test hooks, which break mappings that the audit checks.
 */
#pragma once

#include "kernel/abi/thread.h"

struct thread;

/* An address that `check` walks when `thread` is audited; 0: the check concerns no kernel address. */
uint64_t audit_needed_address(enum audit_check check, const struct thread *thread);
