/*
 * Faults of user code become messages to the thread's fault endpoint.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/thread.h"

struct thread;

/* The running thread can't go on. `address` and `access` as in struct fault_message. Lock: kernel lock. */
void fault_raise(struct thread *thread, enum fault_kind kind, uint64_t address, uint64_t access);
