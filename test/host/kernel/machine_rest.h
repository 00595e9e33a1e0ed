/*
 * What every machine of a host test does in the same way.
 */
#pragma once

struct cpu;

#define MACHINE_ABSENT_LINE 2U /* no such interrupt line */

/* What arch/x86_64/syscall.S does, but for the fast path: the running thread makes the system call that its frame
 * holds. The kernel lock is held, and is not any more. */
void machine_run_call(struct cpu *cpu);
