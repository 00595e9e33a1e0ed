/*
 * Which CPU is this, and who runs on it? GS says it; part of arch.h.
 */
#pragma once

#include "kernel/arch/x86_64/offsets.h"

struct cpu;
struct thread;

static inline struct cpu *arch_this_cpu(void) {
    struct cpu *cpu;
    __asm__("mov %%gs:%c1, %0" : "=r"(cpu) : "i"(IN_CPU_SELF));
    return cpu;
}

/* Who runs changes, so it is read anew each time. */
static inline struct thread *arch_this_thread(void) {
    struct thread *thread;
    __asm__ volatile("mov %%gs:%c1, %0" : "=r"(thread) : "i"(IN_CPU_CURRENT));
    return thread;
}
