/*
 * For the test hooks, which break what the audit looks for.
 */
#pragma once

#include "kernel/abi/thread.h"

struct thread;

/* An address that the check walks when `thread` is audited; 0: the check is about no kernel address. */
uint64_t audit_needed_address(enum audit_check check, const struct thread *thread);
