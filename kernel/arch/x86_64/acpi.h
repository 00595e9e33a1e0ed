/*
 * The few facts that the kernel takes from ACPI: addresses of interrupt controllers, a list of CPUs, how lines are
 * wired, how to power off. The boot loader deals with clocks (boot/acpi.h).
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
    uint64_t local_apic_phys; /* of its page */
    uint32_t io_apic_count;   /* 1 ... IO_APICS_MAX, in the order of the MADT */
    struct acpi_io_apic io_apics[IO_APICS_MAX];
    uint32_t line_input[IRQ_LINES]; /* global number of each line's I/O APIC input; lines 0..15 are the ISA numbers */
    bool line_is_level[IRQ_LINES];
    bool line_is_low[IRQ_LINES];
    uint32_t cpu_count; /* usable CPUs, at least 1; the first CPUS_MAX are in ... */
    uint8_t apic_ids[CPUS_MAX];
    uint16_t power_port; /* PM1a control; 0: unknown */
    uint16_t sleep_type; /* value to write there for S5, already shifted */
};

/*
 * The memory [phys, phys + bytes). NULL: not all of it can be read. Only declared here: boot defines it, and so do
 * tests.
 */
const uint8_t *acpi_reach(uint64_t phys, uint64_t bytes);

/*
 * Read the tables. They are not trusted: all reading goes through acpi_reach(). Facts that they lack keep the values
 * that PCs have had since 1997; the log names entries passed over. rsdp_phys comes from the boot loader; 0: there are
 * no tables.
 */
void acpi_read(uint64_t rsdp_phys, struct acpi_facts *ret_facts);
