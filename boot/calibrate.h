/*
 * How fast the CPU's two clocks run, told by a clock whose rate is known. Pure: the clocks are given as functions, so that
 * a host test can let them stand still, jump and lie.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "boot/text.h"

/* Two clocks disagree when their answers differ by more than one part in so many. */
#define CLOCKS_AGREE_PARTS 32U

struct clock_rates {
    uint64_t tsc_hz;        /* time-stamp counter */
    uint64_t apic_timer_hz; /* local APIC timer at divisor 1 */
};

/* A clock to measure by. It counts up, modulo mask + 1. */
struct reference {
    const char *name;
    uint64_t hz;
    uint64_t mask;
    bool is_slow;        /* it ticks once a second: no witness, and a matter of seconds */
    bool (*begin)(void); /* false: the machine has none; may set `hz` */
    uint64_t (*read)(void);
    void (*end)(void); /* leaves the clock as it was found; NULL: nothing to do */
};

/* The clocks to be measured. */
struct counters {
    uint64_t (*tsc)(void);
    void (*start_apic_timer)(void); /* which then counts down from 2^32 - 1 */
    uint32_t (*apic_timer)(void);
    void (*spin)(uint32_t steps); /* of a cycle or more each */
};

/*
 * A rate in `told` (by CPUID; 0: it is not) is taken, the others are measured by the first reference that runs evenly. What
 * was told or measured is checked against what else there is: another answer goes to *ret_note, one line for the kernel's
 * log, which is empty otherwise. False: no rates; *ret_note says why. Bounded: a clock that stands still is read some
 * hundred thousand times, one that jumps is watched a few times 5 ms; a slow one 3 s, and at most 9.
 */
[[nodiscard]] bool calibrate(const struct counters *counters, const struct reference *references, uint32_t count,
                             struct clock_rates told, struct clock_rates *ret_rates, struct text *ret_note);
