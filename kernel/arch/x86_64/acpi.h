/*
 * The little that the kernel wants of ACPI: where the interrupt controllers are, which CPUs there are, how lines are wired,
 * how to power off. Clocks are the boot loader's affair (boot/acpi.h).
 * Source: ACPI Specification, ACPI Software Programming Model (RSDP, RSDT, XSDT, MADT, FADT).
 */
#pragma once

#include "kernel/machine/cpu.h"

#define IO_APICS_MAX 32U

struct acpi_io_apic {
    uint64_t phys;
    uint32_t first_input; /* the global number of its input 0 */
};

struct acpi_facts {
    uint64_t local_apic_phys; /* a page's */
    uint32_t io_apic_count;   /* 1 ... IO_APICS_MAX, in the order of the MADT */
    struct acpi_io_apic io_apics[IO_APICS_MAX];
    uint32_t line_input[IRQ_LINES]; /* global number of each line's I/O APIC input; lines 0..15 are the ISA numbers */
    bool line_is_level[IRQ_LINES];
    bool line_is_low[IRQ_LINES];
    uint32_t cpu_count; /* usable ones, at least 1; the first CPUS_MAX of them are in ... */
    uint8_t apic_ids[CPUS_MAX];
    uint16_t power_port; /* PM1a control; 0: unknown */
    uint16_t sleep_type; /* what to write there for S5, in place */
};

/* The memory [phys, phys + bytes). NULL: not all of it can be read. Here only declared: boot gives it, and tests their own. */
const uint8_t *acpi_reach(uint64_t phys, uint64_t bytes);

/* Read the tables, of which nothing is believed but what acpi_reach() gives. Facts that they lack keep the values that PCs have
 * had since 1997; what is passed over is named on the log. Source of rsdp_phys: the boot loader; 0: none. */
void acpi_read(uint64_t rsdp_phys, struct acpi_facts *ret_facts);
