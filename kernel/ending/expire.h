/*
 * The timer interrupt: ends waits and time slices, and does a step of the reaper.
 */
#pragma once

struct cpu;

/*
 * Handle the timer interrupt of this CPU: at most one batch of due deadlines, one step of the reaper, and the time
 * slice if it is over. Lock: kernel lock.
 */
void timer_interrupt(struct cpu *cpu);
