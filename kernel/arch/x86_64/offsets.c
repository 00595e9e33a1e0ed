/*
 * No code: asserts that the assembly's offsets are those of the structures.
 */
#include "kernel/arch/x86_64/contract/offsets.h"

#include "kernel/arch/x86_64/layout.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"

#define OFFSET(name, value, type, member) _Static_assert(offsetof(type, member) == (value), #name);
#define NUMBER(name, value, expression) _Static_assert((uint64_t)(expression) == (value), #name);
#include "kernel/arch/x86_64/contract/offsets.def"

_Static_assert(sizeof(struct cap_slot) == 1 << SLOT_SHIFT, "1 << SLOT_SHIFT");
_Static_assert(OK == 0, "the fast path makes it by XOR and tests it by SHR");
_Static_assert(FAULT_RESUME == 0, "the fast path makes it by XOR and tests it by SHR");
_Static_assert(sizeof(bool) == 1, "IN_CPU_UNSETTLED");
_Static_assert(STACK_BYTES == STACK_PAGES * PAGE_BYTES, "STACK_BYTES");
