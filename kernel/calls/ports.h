/*
 * Ports: see ports.c. Whoever may write to every port can do anything with the machine.
 */
#pragma once

#include "kernel/abi/syscall.h"

struct thread;

/* Is `ports` a capability to write to all ports? Errors: E_CAP, E_TYPE, E_RIGHTS. Lock: kernel lock. */
MUST_USE enum status ports_check_all(const struct thread *self, cap_t ports);
