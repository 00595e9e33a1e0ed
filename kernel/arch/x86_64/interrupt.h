/*
 * Called by entry.S. Interrupts are off, the kernel lock is not held.
 */
#pragma once

struct cpu;
struct frame;

/* From user mode; the frame is the current thread's. */
void interrupt_enter(struct cpu *cpu);
/* From the kernel: idle, or a mistake. */
void interrupt_kernel(struct frame *frame);
/* On an IST stack, from the kernel. */
void interrupt_ist(struct frame *frame);
