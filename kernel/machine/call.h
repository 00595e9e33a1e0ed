/*
 * What handlers of system calls return, and how the calling thread is found. A handler checks everything first and
 * changes nothing until it can no longer fail.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "kernel/arch.h"
#include "kernel/machine/cpu.h"

/* Not an outcome: the handler has put the results, or the thread, where they belong. If the CPU is settled, the
 * value is the thread that is to run (sched_wait). */
#define CALL_BLOCKED 254U
/* Not an outcome: do the call again, after interrupts had their chance. The next step of a long operation. */
#define CALL_RESTART 255U

static inline struct result result(uint64_t status) { return (struct result){.status = status}; }
static inline struct result result_value(uint64_t value) { return (struct result){.status = OK, .value = value}; }

static inline struct thread *caller(void) { return arch_this_thread(); }

/*
 * From this number on, all of the caller's registers are in its frame while the handler runs; of the calls before it only
 * those that C does not keep by itself. Numbers that mean nothing are among the first.
 */
#define CALL_WHOLE_FIRST SYS_thread_read

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
