/*
 * Measures how fast the CPU's two clocks run, by a clock whose rate is known. Pure: the clocks are given as functions,
 * so a host test can let them stand still, jump and lie.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "boot/text.h"

/* Two clocks disagree when their answers differ by more than one part in CLOCKS_AGREE_PARTS. */
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
    bool is_slow;        /* it ticks once a second: it takes seconds to measure by, and is no witness */
    bool (*begin)(void); /* false: the machine has none; it may set `hz` */
    uint64_t (*read)(void);
    void (*end)(void); /* leaves the clock as it was found; NULL: nothing to do */
};

/* The clocks to be measured. */
struct counters {
    uint64_t (*tsc)(void);
    void (*start_apic_timer)(void); /* from then on it counts down from 2^32 - 1 */
    uint32_t (*apic_timer)(void);
    void (*spin)(uint32_t steps); /* each takes a cycle or more */
};

/*
 * Find both rates. A rate in `told` comes from CPUID and is taken as it is; 0 means that CPUID does not state it, and
 * the first reference that runs evenly measures it. Each rate is compared with whatever other clock there is. *ret_note
 * is one line for the kernel's log if they disagree, and empty otherwise.
 * False: a rate is unknown; *ret_note says why.
 * Bounded: a clock that stands still is read some hundred thousand times. A clock that jumps is watched 16 times for
 * 5 ms, and counts as even once it was so twice in a row. A slow clock takes 3 s, and at most 9.
 */
[[nodiscard]] bool calibrate(const struct counters *counters, const struct reference *references, uint32_t count,
                             struct clock_rates told, struct clock_rates *ret_rates, struct text *ret_note);
