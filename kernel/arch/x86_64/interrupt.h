/*
 * Called by entry.S. Interrupts are off, the kernel lock is not held.
 */
#pragma once

struct cpu;
struct frame;

/* Intel SDM vol. 3A, Exception and Interrupt Reference. */
enum vector {
    VECTOR_DIVIDE = 0,
    VECTOR_DEBUG = 1,
    VECTOR_NMI = 2,
    VECTOR_BREAKPOINT = 3,
    VECTOR_OVERFLOW = 4,
    VECTOR_BOUND = 5,
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_NO_FPU = 7,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_X87 = 16,
    VECTOR_ALIGNMENT = 17,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_SIMD = 19,
    VECTOR_EXCEPTIONS = 32,
};

/* From user mode; the frame is the current thread's. */
void interrupt_enter(struct cpu *cpu);
/* From the kernel: idle, or a mistake. */
void interrupt_kernel(struct frame *frame);
/* On an IST stack, from the kernel. */
void interrupt_ist(struct frame *frame);
