/*
 * The little that the kernel wants of ACPI: where the interrupt controllers are, how lines are wired, how to power off.
 * Source: ACPI Specification, ACPI Software Programming Model (RSDP, XSDT, MADT, FADT).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/arch.h"
#include "kernel/cpu.h"

struct acpi_facts {
    uint64_t local_apic_phys;
    uint64_t io_apic_phys;
    uint32_t line_input[IRQ_LINES]; /* I/O APIC input of each line; lines 0..15 are the ISA numbers */
    bool line_is_level[IRQ_LINES];
    bool line_is_low[IRQ_LINES];
    uint32_t cpu_count; /* usable ones, at least 1; the first CPUS_MAX of them are in ... */
    uint8_t apic_ids[CPUS_MAX];
    uint16_t power_port; /* PM1a control; 0: unknown */
    uint16_t sleep_type; /* what to write there for S5, in place */
};

/* Read the tables; physical addresses are readable as they are (the boot loader's identity map). What the tables lack
 * keeps the values that PCs have had since 1997. */
void acpi_read(uint64_t rsdp_phys, struct acpi_facts *ret_facts);
