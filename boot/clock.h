/*
 * How fast the CPU's two clocks run on this machine.
 */
#pragma once

#include "boot/calibrate.h"

/*
 * Ask CPUID for both rates. What it does not state is measured in a window of 5 ms of the 8254 timer; if that stands
 * still, by the ACPI timer, the HPET or the real-time clock. calibrate() says what *ret_note holds. Interrupts may be
 * on. The local APIC's timer is left as it was found.
 * False: a rate is unknown; *ret_note is the message.
 */
[[nodiscard]] bool clock_measure(uint64_t rsdp_phys, struct clock_rates *ret_rates, struct text *ret_note);
