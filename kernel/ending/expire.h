/*
 * What the timer's interrupt ends: waits, time slices, and a step of what is dead.
 */
#pragma once

struct cpu;

/* The timer interrupt of this CPU: let what is due happen, at most one batch, and end the time slice if it is over. Lock: kernel lock. */
void timer_interrupt(struct cpu *cpu);
