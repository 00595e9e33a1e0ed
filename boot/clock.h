/*
 * How fast the CPU's two clocks run, asked of this machine's.
 */
#pragma once

#include "boot/calibrate.h"

/*
 * What CPUID says, or what a window of 5 ms of the 8254 timer measures; where it stands still, of the ACPI timer, the HPET
 * or the real-time clock. See calibrate() for what is noted. Interrupts may be on; the local APIC's timer is left as it was
 * found. False: the rates are not known, and the note is the message.
 */
[[nodiscard]] bool clock_measure(uint64_t rsdp_phys, struct clock_rates *ret_rates, struct text *ret_note);
