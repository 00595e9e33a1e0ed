/*
 * What handlers of system calls return, and how the calling thread is found. A handler checks everything first and
 * changes nothing until it can no longer fail.
 */
#pragma once

#include "kernel/abi/syscall.h"
#include "kernel/arch.h"
#include "kernel/cpu.h"

/* Not an outcome: the handler has put the results, or the thread, where they belong. */
#define CALL_BLOCKED 254U
/* Not an outcome: do the call again, after interrupts had their chance. The next step of a long operation. */
#define CALL_RESTART 255U

static inline struct result result(uint64_t status) { return (struct result){.status = status}; }
static inline struct result result_value(uint64_t value) { return (struct result){.status = OK, .value = value}; }

static inline struct thread *caller(void) { return arch_this_cpu()->current; }

/* A system call came in from user mode, on this CPU. */
void syscall_enter(struct cpu *cpu);
