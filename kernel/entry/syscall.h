/*
 * The functions between the entry code of system calls and the handlers.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/syscall.h"

/*
 * arch/x86_64/syscall.S calls these with the kernel lock held. The call's arguments and number are in the caller's
 * frame.
 *
 *   syscall_watched   first, if cpu->arch.call_limit is 0. True: the call is done and the kernel unlocked
 *   sys_NAME          the call itself, or syscall_run_message if it is a message call. If the CPU is settled then, the
 *                     entry code unlocks and leaves by itself. If not, and always for calls from CALL_WHOLE_FIRST on,
 *                     all registers are saved, and syscall_finish is called
 *   syscall_finish    gives the outcome to the caller, decides which thread runs, and unlocks the kernel
 *   syscall_claimed   instead of all these, if another CPU has claimed the thread before the call began
 */
bool syscall_watched(void);
struct result syscall_run_message(void);
void syscall_stay_begin(void); /* for stay.h; the running thread's frame has the call */
void syscall_stay_end(void);
void syscall_finish(uint64_t status, uint64_t value);
void syscall_claimed(void);
