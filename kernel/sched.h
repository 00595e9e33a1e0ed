/*
 * Who runs: fixed priorities, round robin within one, one bitmap word a CPU. The kernel does not switch stacks, so "to
 * switch" is to say who will run when the kernel is left.
 *
 * A time slice belongs to the thread that the scheduler chose. A server that is called runs in the rest of its caller's
 * slice, and that time is counted as the caller's: who lets others work pays for it.
 */
#pragma once

#include "kernel/cpu.h"

struct thread;

#define SLICE_NS 10000000ULL /* how long a thread runs before an equal one does */

/* Lock: kernel lock, for everything here. */

/* `thread`, which is in no queue, may run. */
void sched_ready(struct thread *thread);

/* `thread`, READY or RUNNING, may not run any more; `state` is what it is from now on. */
void sched_block(struct thread *thread, enum thread_run_state state);

/*
 * `running`, the running thread, blocks for the sake of `next`, which is in no queue: run that in the rest of the time
 * slice, unless something of higher priority is ready.
 */
void sched_swap(struct thread *running, enum thread_run_state state, struct thread *next);

/* Make `next`, which is in no queue, the running thread; whoever ran before is in its new place already. */
void sched_switch(struct cpu *cpu, struct thread *next);

/*
 * If `thread` runs on another CPU, take it from there: it is READY, with its registers in its frame, and makes the system call or
 * the fault that it came into the kernel for again. False: what it came for is a trap, which would not come again; nothing has
 * changed, and it is reported as soon as the lock is free. `lose_trap`: never false, for a thread that is not to go on.
 */
bool sched_claim(struct thread *thread, bool lose_trap);

/* A thread that is dying or moving to another CPU has stopped: its CPU has no use for it any more. */
void sched_forget(struct thread *thread);

/* The running thread's turn is over; its equals come first. False: it has none. */
bool sched_rotate(struct cpu *cpu);

/* Settle who runs and when the timer must come; called last before the kernel is left. Waits while nobody can run. */
void sched_leave(struct cpu *cpu);

/* The first time that this CPU, which has the lock, leaves the kernel. */
_Noreturn void sched_start(struct cpu *cpu);
