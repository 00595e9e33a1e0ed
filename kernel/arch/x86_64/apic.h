/*
 * Local APIC and I/O APIC. Source: Intel SDM vol. 3A, Advanced Programmable Interrupt Controller; Intel 82093AA data
 * sheet.
 */
#pragma once

#include "kernel/arch/x86_64/acpi.h"

struct cpu;

/*
 * Set up the APICs, whose registers are mapped at these addresses. Masks every line and the 8259s, which get other
 * vectors. If firmware left this CPU in x2APIC mode, which can be locked, all CPUs use that mode, otherwise none does.
 */
void apic_init(const struct acpi_facts *facts, uint64_t timer_hz, void *local_registers,
               void *const io_registers[IO_APICS_MAX]);
void apic_end_of_interrupt(void);

/* The part of apic_init for each CPU. Call on that CPU with interrupts off. */
void apic_init_cpu(struct cpu *cpu);
/* Does this CPU's timer run as fast as the boot loader has measured the boot CPU's? Checks to within 1/8, in 1 ms. */
bool apic_timer_agrees(void);

/* Commands that apic_send() can send. */
enum apic_command {
    APIC_FIXED = 0, /* an interrupt */
    APIC_NMI = 4U << 8,
    APIC_INIT = 5U << 8,
    APIC_START = 6U << 8,
};
/*
 * Send a command to the CPU with this APIC id. `page`: the number of the page to start at; for APIC_FIXED, the vector;
 * otherwise 0. False: the APIC could not send it.
 */
bool apic_send(uint64_t apic_id, enum apic_command command, uint32_t page);
uint64_t apic_own_id(void);

/* For the test hooks: let the timer send an NMI after about `wait_ns`; 0: give the timer back to the kernel. */
void apic_arm_nmi(uint64_t wait_ns);
