#include "kernel/arch/x86_64/cpu_init.h"

#include "kernel/arch/x86_64/entry.h"
#include "kernel/arch/x86_64/fpu.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/base/boot_only.h"
#include "kernel/machine/cpu.h"

#define MSR_STAR 0xc0000081U
#define MSR_LSTAR 0xc0000082U
#define MSR_SFMASK 0xc0000084U
#define MSR_KERNEL_GS_BASE 0xc0000102U
#define MSR_SYSENTER_CS 0x174U
#define MSR_PAT 0x277U

#define EFER_SYSCALL (1ULL << 0)
#define EFER_NO_EXECUTE (1ULL << 11)

#define CR0_MONITOR_COPROCESSOR (1ULL << 1)
#define CR0_EMULATION (1ULL << 2)
#define CR0_NUMERIC_ERROR (1ULL << 5)
#define CR0_WRITE_PROTECT (1ULL << 16)

#define CR4_PHYSICAL_ADDRESS_EXTENSION (1ULL << 5) /* 64-bit mode needs it */
#define CR4_MACHINE_CHECK (1ULL << 6)
#define CR4_UMIP (1ULL << 11)
#define CR4_SMEP (1ULL << 20)
#define CR4_SMAP (1ULL << 21)

/* Arithmetic and system flags that user code may have set. SYSCALL clears them. */
#define SYSCALL_FLAG_MASK 0x3f7fd5U

/* PAT entry 1 (only PWT set) becomes write-combining; the others keep their power-up types. */
#define PAT_VALUE 0x0007040600070106ULL

#define GATE_PRESENT_INTERRUPT 0x8eU
#define GATE_USER 0x60U /* DPL 3 */

struct gate {
    uint16_t target_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t target_middle;
    uint32_t target_high;
    uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "Intel SDM vol. 3A, 64-Bit IDT Gate Descriptors");

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static struct gate idt[IDT_GATES] __attribute__((aligned(4096)));

/* One for each CPU, since LTR writes to the TSS descriptor. */
static uint64_t gdts[CPUS_MAX][7] __attribute__((aligned(64)));

const void *cpu_gdt(const struct cpu *cpu) { return gdts[cpu->index]; }
const void *idt_start(void) { return idt; }

uint64_t idt_gate_target(uint32_t vector) {
    const struct gate *gate = &idt[vector];
    return (uint64_t)gate->target_high << 32 | (uint64_t)gate->target_middle << 16 | gate->target_low;
}

uint64_t cpu_ist_top(const struct cpu *cpu, uint32_t index) { return cpu->arch.tss.ist[index - 1]; }

struct cpu *stack_owner(uint64_t address) {
    return cpus[(address - STACK_WINDOW_BASE) / (STACK_SLOT_PAGES * PAGE_BYTES)];
}

BOOT_ONLY_FROM_HERE

uint64_t stack_top(uint32_t index) {
    return STACK_WINDOW_BASE + (index * STACK_SLOT_PAGES + 1 + STACK_PAGES) * PAGE_BYTES;
}

uint64_t ist_top(uint32_t index, uint32_t ist) { return stack_top(index) + 2 * ist * PAGE_BYTES; }

static void set_gate(uint32_t vector, uint64_t target, uint8_t ist, uint8_t type) {
    idt[vector] = (struct gate){.target_low = (uint16_t)target,
                                .selector = SELECTOR_KERNEL_CODE,
                                .ist = ist,
                                .type = type,
                                .target_middle = (uint16_t)(target >> 16),
                                .target_high = (uint32_t)(target >> 32)};
}

static uint64_t address_of(void (*code)(void)) { return (uint64_t)(uintptr_t)code; }

static void idt_init(void) {
    for (uint32_t vector = 0; vector < IDT_GATES; vector++) {
        uint64_t number = vector - EXCEPTIONS; /* of an interrupt's stub; jumps between the stubs count as two */
        number += number / INTERRUPT_GROUP * 2;
        const uint8_t *stub = vector < EXCEPTIONS ? exception_stubs + (uint64_t)vector * EXCEPTION_STUB_BYTES
                                                  : interrupt_stubs + number * INTERRUPT_STUB_BYTES;
        set_gate(vector, (uint64_t)(uintptr_t)stub, 0, GATE_PRESENT_INTERRUPT);
    }
    set_gate(8, address_of(ist_double_fault), 1, GATE_PRESENT_INTERRUPT);
    set_gate(2, address_of(ist_nmi), 2, GATE_PRESENT_INTERRUPT);
    set_gate(1, address_of(ist_debug), 3, GATE_PRESENT_INTERRUPT);
    set_gate(18, address_of(ist_machine_check), 4, GATE_PRESENT_INTERRUPT);
    idt[3].type |= GATE_USER; /* users may execute INT3 and INTO */
    idt[4].type |= GATE_USER;
}

static void load_descriptors(struct cpu *cpu) {
    uint64_t *gdt = gdts[cpu->index];
    struct tss *tss = &cpu->arch.tss;
    uint64_t base = (uint64_t)(uintptr_t)tss, limit = TSS_BYTES - 1;
    gdt[1] = 0x00af9a000000ffff; /* kernel code: 64-bit, ring 0 */
    gdt[2] = 0x00cf92000000ffff; /* kernel data */
    gdt[3] = 0x00cff2000000ffff; /* user data: SYSRET needs it before the code */
    gdt[4] = 0x00affa000000ffff; /* user code: 64-bit, ring 3 */
    gdt[5] = limit | (base & 0xffffff) << 16 | 0x89ULL << 40 | (base >> 24 & 0xff) << 56;
    gdt[6] = base >> 32;
    for (uint32_t ist = 1; ist <= IST_STACKS; ist++)
        tss->ist[ist - 1] = ist_top(cpu->index, ist);
    tss->io_map = sizeof *tss;

    struct table_register gdt_register = {.limit = GDT_BYTES - 1, .base = (uint64_t)(uintptr_t)gdt};
    struct table_register idt_register = {.limit = IDT_BYTES - 1, .base = (uint64_t)(uintptr_t)idt};
    __asm__ volatile("lgdt %0\n\t"
                     "push %2\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "push %%rax\n\t"
                     "lretq\n\t"
                     "1: mov %3, %%ss\n\t"
                     "xor %%eax, %%eax\n\t"
                     "mov %%eax, %%ds\n\t"
                     "mov %%eax, %%es\n\t"
                     "mov %%eax, %%fs\n\t"
                     "mov %%eax, %%gs\n\t"
                     "lidt %1\n\t"
                     "ltr %w4"
                     :
                     : "m"(gdt_register), "m"(idt_register), "i"(SELECTOR_KERNEL_CODE), "r"(SELECTOR_KERNEL_DATA),
                       "r"(SELECTOR_TSS)
                     : "rax", "memory");
}

static void set_control_registers(void) {
    struct cpuid features = read_cpuid(7, 0);
    uint64_t cr0 = read_cr0() & ~CR0_EMULATION;
    write_cr0(cr0 | CR0_WRITE_PROTECT | CR0_NUMERIC_ERROR | CR0_MONITOR_COPROCESSOR);
    /*
     * Set all of CR4, whatever firmware has left there: user code may use RDTSC, but not RDPMC, WRFSBASE or protection
     * keys.
     */
    uint64_t found =
        (features.b >> 7 & 1) * CR4_SMEP | (features.b >> 20 & 1) * CR4_SMAP | (features.c >> 2 & 1) * CR4_UMIP;
    write_cr4(CR4_PHYSICAL_ADDRESS_EXTENSION | CR4_MACHINE_CHECK | CR4_GLOBAL_PAGES | found);
    write_msr(MSR_PAT, PAT_VALUE);
}

void cpu_init(struct cpu *cpu) {
    set_control_registers();
    if (cpu->index == 0)
        idt_init();
    load_descriptors(cpu);
    cpu->arch.self = &cpu->arch;
    cpu->arch.stack_top = stack_top(cpu->index);
    cpu->arch.root = read_cr3();
    write_msr(MSR_GS_BASE, (uint64_t)(uintptr_t)cpu);
    write_msr(MSR_KERNEL_GS_BASE, 0);
    write_msr(MSR_FS_BASE, 0);
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SYSCALL | EFER_NO_EXECUTE);
    write_msr(MSR_STAR, (uint64_t)SELECTOR_KERNEL_CODE << 32 | (uint64_t)SELECTOR_KERNEL_DATA << 48);
    write_msr(MSR_LSTAR, address_of(syscall_entry));
    write_msr(MSR_SFMASK, SYSCALL_FLAG_MASK);
    write_msr(MSR_SYSENTER_CS, 0); /* SYSENTER faults, whatever entry firmware has set */
    fpu_init();
}

struct cpu_controls cpu_controls(void) {
    return (struct cpu_controls){.cr0 = read_cr0() & ~CR0_TASK_SWITCHED, /* depends on the running thread */
                                 .cr4 = read_cr4(),
                                 .efer = read_msr(MSR_EFER),
                                 .pat = read_msr(MSR_PAT)};
}
