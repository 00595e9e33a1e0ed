/*
 * Measures stays in the kernel: from getting the kernel lock to releasing it. Interrupts are off all that time.
 *
 * The code that takes and releases the lock measures (lock.h, and in syscall.S), so every way into the kernel is
 * measured, and two stays can't overlap. Not measured are the fast path, which takes no lock and is as short as
 * syscall.S shows, and the wait for the lock, which INFO_LOCK_LONGEST_WAIT tells.
 *
 * Only builds with BATON_STAYS (the tests' two kernels) measure; in others these functions are empty.
 */
#pragma once

#include "kernel/machine/cpu.h"

/* INFO_LONGEST_CALL: a system call's number, or one of these. */
#define STAY_INTERRUPT 256U /* and the vector */
#define STAY_IDLE 512U      /* alone: an idle CPU, or one that has just been started */

static inline void stay_begin(struct cpu *cpu) {
    if (!BATON_STAYS)
        return;
    assert(!cpu->stays);
    cpu->stays = true;
    cpu->stay_cause = STAY_IDLE;
    cpu->stay_start = arch_ticks();
}

/* Note the cause of the stay, as soon as it is known. */
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
