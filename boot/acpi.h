/*
 * The two clocks that firmware's tables name, for where no better known one runs. The kernel reads the tables for all else
 * (kernel/arch/x86_64/acpi.c). Source: ACPI Specification, RSDP, RSDT, XSDT, FADT; IA-PC HPET Specification, The ACPI 2.0
 * HPET Description Table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct acpi_clocks {
    uint16_t timer_port; /* of the power management timer; 0: there is none */
    bool timer_is_wide;  /* it has 32 bits, not 24 */
    uint64_t hpet_phys;  /* of the HPET's registers, below 4 GiB; 0: there is none */
};

/* Only what lies below 4 GiB is looked at, which both front ends reach. A table that is damaged is none. */
struct acpi_clocks acpi_find_clocks(uint64_t rsdp_phys);
