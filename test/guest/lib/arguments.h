/*
 * The ways a capability argument can be wrong, tried on one call after another.
 */
#pragma once

#include "kernel/abi/syscall.h"

/* One system call with the capability under test as its only argument; the others are right, or do not matter. */
typedef uint64_t argument_call(cap_t cap);

/*
 * Make the call with an empty slot, slots that do not exist, a capability for something else, and `weak`, a capability
 * of the right type that lacks a right (0: there is none): E_CAP, E_TYPE, E_RIGHTS have to come back.
 */
void argument_check(const char *name, argument_call *call, cap_t weak);
