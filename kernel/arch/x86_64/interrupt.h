/*
 * Called by entry.S. Interrupts are off, the kernel lock is not held.
 */
#pragma once

struct cpu;
struct frame;

/* Interrupts and exceptions from user mode; the frame is the current thread's. */
void interrupt_enter(struct cpu *cpu);
/* Those from the kernel: an idle CPU's interrupt, or a mistake. */
void interrupt_kernel(struct frame *frame);
/* Those from the kernel that run on an IST stack. */
void interrupt_ist(struct frame *frame);
