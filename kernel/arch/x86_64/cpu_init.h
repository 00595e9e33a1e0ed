/*
 * Descriptors and control registers of a CPU. Source: Intel SDM vol. 3A, Protected-Mode Memory Management; Task
 * Management; Interrupt and Exception Handling.
 */
#pragma once

#include <stdint.h>

struct cpu;

#define IDT_GATES 256U
#define IDT_BYTES (IDT_GATES * 16U)
#define GDT_BYTES (7U * 8U)

/* Intel SDM vol. 3A, Exception and Interrupt Reference. */
enum vector {
    VECTOR_DIVIDE = 0,
    VECTOR_DEBUG = 1,
    VECTOR_NMI = 2,
    VECTOR_BREAKPOINT = 3,
    VECTOR_OVERFLOW = 4,
    VECTOR_BOUND = 5,
    VECTOR_INVALID_OPCODE = 6,
    VECTOR_NO_FPU = 7,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_X87 = 16,
    VECTOR_ALIGNMENT = 17,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_SIMD = 19,
    VECTOR_EXCEPTIONS = 32,
};

/* Interrupts. */
#define VECTOR_8259 0x20U  /* of both 8259s, 16 vectors in all */
#define VECTOR_LINES 0x30U /* interrupt line 0; the others follow, up to 0xaf */
#define VECTOR_TIMER 0xf0U
#define VECTOR_REQUEST 0xf1U /* from another CPU */
#define VECTOR_SPURIOUS 0xffU

/* Initialise the structure of a CPU on which nothing runs yet. The caller enters it in cpus[]. */
void cpu_struct_init(struct cpu *cpu, uint32_t index);
/* Make `cpu` this CPU: GDT, IDT, TSS, system call MSRs, control registers, GS. Its stacks are mapped. */
void cpu_init(struct cpu *cpu);

/*
 * The registers that decide how this CPU executes code and accesses memory. They must be equal on all CPUs, or a page
 * would be protected on one and not on another.
 */
struct cpu_controls {
    uint64_t cr0, cr4, efer, pat;
};
struct cpu_controls cpu_controls(void);

/* For the audit. */
const void *cpu_gdt(const struct cpu *cpu);
const void *idt_start(void);
uint64_t idt_gate_target(uint32_t vector);
uint64_t cpu_ist_top(const struct cpu *cpu, uint32_t index);

/* The top of CPU `index`'s kernel stack, and of its IST stack `ist` (1..IST_STACKS). */
uint64_t stack_top(uint32_t index);
uint64_t ist_top(uint32_t index, uint32_t ist);
/* The CPU whose part of the stack window contains `address`. */
struct cpu *stack_owner(uint64_t address);

/* For the audit: the local APIC's registers (apic.c). */
const void *apic_registers(void);
