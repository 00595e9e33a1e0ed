/*
 * Local APIC and I/O APIC. Source: Intel SDM vol. 3A, Advanced Programmable Interrupt Controller; Intel 82093AA data
 * sheet.
 */
#pragma once

#include <stdint.h>

struct acpi_facts;

/* Registers are mapped at the start of the device window. Masks the 8259s and every line. */
void apic_init(const struct acpi_facts *facts, uint64_t timer_hz, void *local_registers, void *io_registers);
void apic_end_of_interrupt(void);

/* For the test hooks: the timer's next interrupt is an NMI after about `wait_ns`; 0: the timer is the kernel's again. */
void apic_arm_nmi(uint64_t wait_ns);
