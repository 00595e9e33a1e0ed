/*
 * How long the kernel stays, with interrupts off, from an entry to the next chance of an interrupt. Measured in builds
 * with BATON_STAYS (the tests' two kernels); compiled to nothing without.
 */
#pragma once

#include "kernel/arch.h"
#include "kernel/cpu.h"

/* `cause` as in INFO_LONGEST_CALL. */
static inline void stay_begin(struct cpu *cpu, uint64_t cause) {
    if (!BATON_STAYS)
        return;
    cpu->stay_start = arch_ticks();
    cpu->stay_cause = cause;
}

static inline void stay_end(struct cpu *cpu) {
    if (!BATON_STAYS)
        return;
    uint64_t ticks = arch_ticks() - cpu->stay_start;
    if (ticks > cpu->longest_stay) {
        cpu->longest_stay = ticks;
        cpu->longest_cause = cpu->stay_cause;
    }
}
