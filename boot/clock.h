/*
 * How fast the CPU's two clocks run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct clock_rates {
    uint64_t tsc_hz;        /* time-stamp counter */
    uint64_t apic_timer_hz; /* local APIC timer at divisor 1 */
};

/*
 * What CPUID says, or what a window of 5 ms of the 8254 timer measures. Interrupts may be on; the local APIC's timer
 * is left as it was found. Null on success, otherwise the message: the rates are then not known.
 */
[[nodiscard]] const char *clock_measure(struct clock_rates *ret_rates);
