/*
 * Which CPU is this? GS says it; part of arch.h.
 */
#pragma once

#include "kernel/arch/x86_64/offsets.h"

struct cpu;

static inline struct cpu *arch_this_cpu(void) {
    struct cpu *cpu;
    __asm__("mov %%gs:%c1, %0" : "=r"(cpu) : "i"(IN_CPU_SELF));
    return cpu;
}
