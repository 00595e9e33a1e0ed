/*
 * This CPU and its running thread, both found by GS, and the time. Part of arch.h.
 */
#pragma once

#include "kernel/arch/x86_64/contract/asm.h"
#include "kernel/arch/x86_64/contract/offsets.h"

struct cpu;
struct thread;

static inline struct cpu *arch_this_cpu(void) {
    struct cpu *cpu;
    __asm__("mov %%gs:%c1, %0" : "=r"(cpu) : "i"(IN_CPU_SELF));
    return cpu;
}

/* The running thread changes, so it is read anew each time. */
static inline struct thread *arch_this_thread(void) {
    struct thread *thread;
    __asm__ volatile("mov %%gs:%c1, %0" : "=r"(thread) : "i"(IN_CPU_CURRENT));
    return thread;
}

struct clock {
    uint64_t start;       /* ticks when the kernel was entered */
    uint64_t ns_per_tick; /* times 2^32 */
};
extern struct clock clock;

static inline uint64_t arch_ticks(void) { return read_tsc(); }
static inline uint64_t arch_ticks_to_ns(uint64_t ticks) {
    uint64_t low = ticks, high;
    __asm__("mulq %2" : "+a"(low), "=d"(high) : "r"(clock.ns_per_tick) : "cc");
    return high << 32 | low >> 32;
}
static inline uint64_t arch_clock_ns(void) { return arch_ticks_to_ns(read_tsc() - clock.start); }

static inline void arch_flush_page(uint64_t root, uint64_t at) {
    uint64_t loaded;
    __asm__ volatile("mov %%gs:%c1, %0" : "=r"(loaded) : "i"(IN_CPU_ROOT));
    if (loaded == root)
        invalidate_page(at);
}
