/*
 * The way of a system call between the entry code and its handler.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/syscall.h"

/*
 * What arch/x86_64/syscall.S calls, with the kernel lock held. The caller's arguments and its number are in its frame.
 *
 *   syscall_watched   first, if cpu->arch.call_limit is 0: true: the call is done and the kernel unlocked
 *   sys_NAME          the call itself, or syscall_run_message if it is a message call. If it settled everything, the
 *                     entry code unlocks and leaves by itself; if not, which it always assumes of calls from
 *                     CALL_WHOLE_FIRST on, all registers are saved, and then comes
 *   syscall_claimed   instead of all this, if another CPU has claimed the thread before the call began
 *   syscall_finish    the outcome goes to the caller, it is decided who runs, and the kernel is unlocked
 */
bool syscall_watched(void);
struct result syscall_run_message(void);
void syscall_stay_begin(void); /* where stay.h measures; the running thread's frame has the call */
void syscall_stay_end(void);
void syscall_finish(uint64_t status, uint64_t value);
void syscall_claimed(void);
