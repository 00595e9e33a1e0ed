/*
 * The way out of the kernel.
 */
#pragma once

struct cpu;

/* Lock: kernel lock. */

/* Choose the thread that runs and arm the timer. Call last before the kernel is left. Idles while no thread can run. */
void sched_leave(struct cpu *cpu);

/* Leave the kernel for the first time on this CPU, which has the lock. */
_Noreturn void sched_start(struct cpu *cpu);
