/*
 * Ports: see ports.c. The right to write to all ports is authority over the whole machine.
 */
#pragma once

#include "kernel/abi/syscall.h"

struct thread;

/* Is `ports` a capability to write to all ports? Errors: E_CAP, E_TYPE, E_RIGHTS. Lock: kernel lock. */
MUST_USE enum status ports_check_all(const struct thread *self, cap_t ports);
