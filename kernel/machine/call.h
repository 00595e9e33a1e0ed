/*
 * The outcome of a system call's handler, and the calling thread. A handler checks everything first and changes nothing
 * until it can no longer fail.
 */
#pragma once

#include "kernel/machine/cpu.h"

/* No outcome: the caller waits, or its results are in its frame already (result_blocked). */
#define CALL_BLOCKED 254U
/* No outcome: repeat the call, after interrupts had their chance, for the next step of a long operation. */
#define CALL_RESTART 255U

static inline struct result result(uint64_t status) { return (struct result){.status = status}; }
static inline struct result result_value(uint64_t value) { return (struct result){.status = OK, .value = value}; }

/*
 * The caller waits, and `next` is to run. NULL: the CPU is unsettled, and sched_leave chooses on the way out. See
 * sched_wait.
 */
static inline struct result result_blocked(const struct thread *next) {
    return (struct result){.status = CALL_BLOCKED, .value = (uintptr_t)next};
}

static inline struct thread *caller(void) { return arch_this_thread(); }

/*
 * For calls from this number on, and for unknown numbers, all of the caller's registers are in its frame while the
 * handler runs. For calls before it, only the registers that C does not preserve are there.
 */
#define CALL_WHOLE_FIRST SYS_thread_read
