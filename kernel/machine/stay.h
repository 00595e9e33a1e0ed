/*
 * How long the kernel stays: from where a CPU gets the kernel lock to where it gives it back. Interrupts are off all that time.
 *
 * The lock's own functions measure (lock.h; in syscall.S, what takes and releases it there), so there is no way into the kernel that
 * is not measured, and two stays can't overlap. Left out are the fast path, which has no lock and is as short as syscall.S shows, and
 * the wait for the lock, which INFO_LOCK_LONGEST_WAIT tells.
 *
 * Measured in builds with BATON_STAYS (the tests' two kernels); compiled to nothing without.
 */
#pragma once

#include "kernel/machine/cpu.h"

/* INFO_LONGEST_CALL: a system call's number, or one of these. */
#define STAY_INTERRUPT 256U /* and the vector */
#define STAY_IDLE 512U      /* nothing else: an idle CPU, or one that has just been started */

static inline void stay_begin(struct cpu *cpu) {
    if (!BATON_STAYS)
        return;
    assert(!cpu->stays);
    cpu->stays = true;
    cpu->stay_cause = STAY_IDLE;
    cpu->stay_start = arch_ticks();
}

/* What the stay is for, as soon as that is known. */
static inline void stay_set_cause(struct cpu *cpu, uint64_t cause) {
    if (BATON_STAYS)
        cpu->stay_cause = cause;
}

static inline void stay_end(struct cpu *cpu) {
    if (!BATON_STAYS)
        return;
    assert(cpu->stays);
    cpu->stays = false;
    uint64_t ticks = arch_ticks() - cpu->stay_start;
    if (ticks > cpu->longest_stay) {
        cpu->longest_stay = ticks;
        cpu->longest_cause = cpu->stay_cause;
    }
}
