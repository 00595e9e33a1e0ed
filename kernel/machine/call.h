/*
 * What handlers of system calls return, and how the calling thread is found. A handler checks everything first and
 * changes nothing until it can no longer fail.
 */
#pragma once

#include "kernel/machine/cpu.h"

/* Not an outcome: the handler has put the results, or the thread, where they belong (result_blocked). */
#define CALL_BLOCKED 254U
/* Not an outcome: do the call again, after interrupts had their chance. The next step of a long operation. */
#define CALL_RESTART 255U

static inline struct result result(uint64_t status) { return (struct result){.status = status}; }
static inline struct result result_value(uint64_t value) { return (struct result){.status = OK, .value = value}; }

/* The caller waits, and this thread is to run; NULL: the CPU is not settled, and that is chosen on the way out. See sched_wait. */
static inline struct result result_blocked(const struct thread *next) {
    return (struct result){.status = CALL_BLOCKED, .value = (uintptr_t)next};
}

static inline struct thread *caller(void) { return arch_this_thread(); }

/*
 * From this number on, all of the caller's registers are in its frame while the handler runs; of the calls before it only
 * those that C does not keep by itself. Numbers that mean nothing are among the first.
 */
#define CALL_WHOLE_FIRST SYS_thread_read
