/*
 * Finds two clocks in ACPI tables. The loader measures by them if the 8254 timer stands still. The kernel reads the
 * tables again for everything else (kernel/arch/x86_64/acpi.c). Source: ACPI Specification, RSDP, RSDT, XSDT, FADT;
 * IA-PC HPET Specification, The ACPI 2.0 HPET Description Table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct acpi_clocks {
    uint16_t timer_port; /* of the power management timer; 0: there is none */
    bool timer_is_wide;  /* it has 32 bits, not 24 */
    uint64_t hpet_phys;  /* of the HPET's registers, below 4 GiB; 0: there is none */
};

/* Reads only tables below 4 GiB, which both front ends map. A damaged table counts as missing. */
struct acpi_clocks acpi_find_clocks(uint64_t rsdp_phys);
