#include "kernel/arch/x86_64/panic.h"

#include "kernel/arch.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/arch/x86_64/smp.h"
#include "kernel/machine/log.h"

#define BACKTRACE_MAX 32U
#define PANIC_MARK 0x504e49434bULL

#define MSR_MACHINE_CHECK_BANKS 0x179U
#define MSR_BANK_STATUS(bank) (0x401U + 4 * (bank))
#define BANK_VALID (1ULL << 63)
#define BANK_ADDRESS_VALID (1ULL << 58)

static bool reporting;

/*
 * May the panic code read this word? Walks the current tables to find out, since a second fault would end the report.
 */
static bool is_readable(uint64_t address) {
    uint64_t entries[4];
    uint32_t looked_at = page_walk(read_cr3() & ~(PAGE_BYTES - 1), address, entries);
    return address >= KERNEL_HALF && address % 8 == 0 && (entries[looked_at - 1] & 1) != 0;
}

/* Print return addresses, innermost first, along the frame pointers. */
static void print_backtrace(uint64_t rip, uint64_t rbp) {
    log_print("  frame 0x%p\n", rip);
    for (uint32_t i = 0; i < BACKTRACE_MAX && is_readable(rbp) && is_readable(rbp + 8); i++) {
        const uint64_t *words = (const uint64_t *)rbp;
        if (words[1] == 0)
            break;
        log_print("  frame 0x%p\n", words[1]);
        if (words[0] <= rbp)
            break;
        rbp = words[0];
    }
}

static void print_walk(uint64_t address) {
    static const char *const names[] = {" pml4 0x%x", " pdpt 0x%x", " pd 0x%x", " pt 0x%x"};
    uint64_t entries[4];
    uint32_t looked_at = page_walk(read_cr3() & ~(PAGE_BYTES - 1), address, entries);
    log_print("  walk 0x%x:", address);
    for (uint32_t i = 0; i < looked_at; i++)
        log_print(names[i], entries[i]);
    log_print("\n");
}

static void print_registers(const struct frame *frame) {
    log_print("  rip 0x%p rsp 0x%p rflags 0x%p vector 0x%p\n", frame->rip, frame->rsp, frame->rflags, frame->vector);
    log_print("  rax 0x%p rbx 0x%p rcx 0x%p rdx 0x%p\n", frame->status, frame->rbx, frame->rcx, frame->words[0]);
    log_print("  rsi 0x%p rdi 0x%p rbp 0x%p error 0x%p\n", frame->info, frame->target, frame->rbp, frame->error);
    log_print("  r8 0x%p r9 0x%p r10 0x%p r11 0x%p\n", frame->words[2], frame->words[3], frame->words[1], frame->r11);
    log_print("  r12 0x%p r13 0x%p r14 0x%p r15 0x%p\n", frame->r12, frame->r13, frame->r14, frame->r15);
    log_print("  cr0 0x%p cr2 0x%p cr3 0x%p cr4 0x%p\n", read_cr0(), read_cr2(), read_cr3(), read_cr4());
}

/* Print the CPU's records of a hardware error. Source: Intel SDM vol. 3B, Machine-Check Architecture, IA32_MCi MSRs. */
static void print_banks(void) {
    for (uint32_t bank = 0; bank < (read_msr(MSR_MACHINE_CHECK_BANKS) & 0xff); bank++) {
        uint64_t status = read_msr(MSR_BANK_STATUS(bank));
        if ((status & BANK_VALID) != 0)
            log_print("  bank %u status 0x%p address 0x%p\n", (uint64_t)bank, status,
                      (status & BANK_ADDRESS_VALID) != 0 ? read_msr(MSR_BANK_STATUS(bank) + 1) : 0);
    }
}

/*
 * Is a report under way already? Then the report itself has faulted, and no memory can be trusted to be mapped. So the
 * mark is in a CPU register that nothing else here uses.
 */
static bool is_nested(void) {
    uint64_t mark;
    __asm__ volatile("mov %%db0, %0" : "=r"(mark));
    __asm__ volatile("mov %0, %%db0" : : "r"(PANIC_MARK));
    return mark == PANIC_MARK;
}

/* Stop the other CPUs, so that none of them writes to the log during the report. */
static void stop_others(void) {
    __atomic_store_n(&reporting, true, __ATOMIC_RELEASE);
    if (is_readable((uint64_t)(uintptr_t)apic_registers()))
        smp_stop_others();
}

void panic_take_nmi(void) {
    if (__atomic_load_n(&reporting, __ATOMIC_ACQUIRE))
        io_halt();
}

_Noreturn void panic_at(const struct frame *frame, const char *text) {
    if (is_nested())
        io_stop_nested();
    stop_others();
    log_print("PANIC: %s\n", text);
    print_registers(frame);
    if (frame->vector == VECTOR_MACHINE_CHECK)
        print_banks();
    print_backtrace(frame->rip, frame->rbp);
    print_walk(frame->vector == VECTOR_PAGE_FAULT ? read_cr2() : frame->rip);
    log_print("PANIC END\n");
    io_stop();
}

_Noreturn void panic(const char *text) {
    struct frame frame = {0};
    __asm__ volatile("mov %%rsp, %0; mov %%rbp, %1" : "=r"(frame.rsp), "=r"(frame.rbp));
    frame.rip = (uint64_t)(uintptr_t)__builtin_return_address(0);
    panic_at(&frame, text);
}
