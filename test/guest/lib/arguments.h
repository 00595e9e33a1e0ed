/*
 * Tries all ways in which a capability argument can be wrong on a call.
 */
#pragma once

#include "kernel/abi/syscall.h"

/* One system call, as a function of the capability under test. Its other arguments are right, or do not matter. */
typedef uint64_t argument_call(cap_t cap);

/*
 * Make the call with an empty slot and slots that do not exist (expects E_CAP), a capability of another type (E_TYPE),
 * and `weak`, a capability of the right type that lacks a right (E_RIGHTS; 0: skip this).
 */
void argument_check(const char *name, argument_call *call, cap_t weak);
