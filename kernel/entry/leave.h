/*
 * The way out of the kernel.
 */
#pragma once

struct cpu;

/* Lock: kernel lock. */

/* Settle who runs and when the timer must come; called last before the kernel is left. Waits while nobody can run. */
void sched_leave(struct cpu *cpu);

/* The first time that this CPU, which has the lock, leaves the kernel. */
_Noreturn void sched_start(struct cpu *cpu);
