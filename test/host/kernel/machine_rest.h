/*
 * The parts of arch.h that all host-test machines share.
 */
#pragma once

struct cpu;

#define MACHINE_ABSENT_LINE 2U /* no such interrupt line */

/* As arch/x86_64/syscall.S without the fast path: the running thread makes the system call in its frame. The kernel
 * lock must be held, and is released. */
void machine_run_call(struct cpu *cpu);
