/*
 * The audit: is a candidate root fit to be CR3? Every address that the CPU or the kernel's way back to user mode touches
 * is walked in the candidate's own tables.
 */
#include "kernel/arch.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/entry.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/arch/x86_64/pte.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"

/* What a page must be. */
struct need {
    bool user, write, execute;
};

static const struct need need_code = {.execute = true};
static const struct need need_read = {0};
static const struct need need_write = {.write = true};

static void report(struct audit_failure *ret_failure, uint64_t address, uint32_t looked_at, uint64_t entry) {
    ret_failure->address = address >= KERNEL_HALF ? address - KERNEL_HALF : address;
    ret_failure->level = 5 - looked_at;
    ret_failure->entry = entry & ~PTE_ADDRESS;
}

/*
 * One page. Present at every level; user-accessible at every level or, for the kernel, at none; writable, executable
 * exactly as needed, where "read" passes for pages that are writable as well.
 */
static bool page_is(uint64_t root, uint64_t address, struct need need, struct audit_failure *ret_failure) {
    uint64_t entries[4] = {0};
    uint32_t looked_at = page_walk(root, address, entries);
    bool writable = true, executable = true;
    for (uint32_t i = 0; i < looked_at; i++) {
        bool present = (entries[i] & PTE_PRESENT) != 0, user = (entries[i] & PTE_USER) != 0;
        if (!present || user != need.user) {
            report(ret_failure, address, i + 1, entries[i]);
            return false;
        }
        writable = writable && (entries[i] & PTE_WRITE) != 0;
        executable = executable && (entries[i] & PTE_NO_EXECUTE) == 0;
    }
    bool wrong = (need.write && !writable) || need.execute != executable || (need.execute && writable);
    if (wrong)
        report(ret_failure, address, looked_at, entries[looked_at - 1]);
    return !wrong;
}

static bool range_is(uint64_t root, const void *start, uint64_t bytes, struct need need,
                     struct audit_failure *ret_failure) {
    uint64_t first = (uint64_t)(uintptr_t)start & ~(PAGE_BYTES - 1), end = (uint64_t)(uintptr_t)start + bytes;
    for (uint64_t address = first; address < end; address += PAGE_BYTES) {
        if (!page_is(root, address, need, ret_failure))
            return false;
    }
    return true;
}

/* The root's upper half, entry by entry. */
static enum audit_check check_kernel_half(uint64_t root, struct audit_failure *ret_failure) {
    const uint64_t *table = arch_pointer(root), *sealed = arch_pointer(sealed_root);
    for (uint32_t i = ROOT_KERNEL_ENTRY; i < ENTRIES; i++) {
        if ((table[i] & PTE_USER) != 0) {
            report(ret_failure, KERNEL_HALF + ((uint64_t)(i - ROOT_KERNEL_ENTRY) << 39), 1, table[i]);
            return AUDIT_USER_BIT;
        }
        if ((table[i] | PTE_ACCESSED) != (sealed[i] | PTE_ACCESSED)) {
            report(ret_failure, KERNEL_HALF + ((uint64_t)(i - ROOT_KERNEL_ENTRY) << 39), 1, table[i]);
            return AUDIT_KERNEL_HALF;
        }
    }
    return AUDIT_OK;
}

static enum audit_check check_gates(uint64_t root, struct audit_failure *ret_failure) {
    for (uint32_t vector = 0; vector < IDT_GATES; vector++) {
        if (!page_is(root, idt_gate_target(vector), need_code, ret_failure))
            return AUDIT_GATE;
    }
    return AUDIT_OK;
}

static enum audit_check check_machine(uint64_t root, const struct thread *thread, struct audit_failure *ret_failure) {
    const struct cpu *cpu = arch_this_cpu();
    const struct arch_cpu *arch = &cpu->arch;
    const struct {
        enum audit_check check;
        const void *start;
        uint64_t bytes;
        struct need need;
    } rows[] = {
        {AUDIT_KERNEL_TEXT, kernel_text_start, (uint64_t)(kernel_text_end - kernel_text_start), need_code},
        {AUDIT_KERNEL_DATA, kernel_text_end, (uint64_t)(kernel_rodata_end - kernel_text_end), need_read},
        {AUDIT_KERNEL_DATA, kernel_rodata_end, (uint64_t)(kernel_image_end - kernel_rodata_end), need_write},
        {AUDIT_KERNEL_STACK, (const void *)(arch->stack_top - STACK_PAGES * PAGE_BYTES), STACK_PAGES * PAGE_BYTES,
         need_write},
        {AUDIT_GDT, cpu_gdt(cpu), GDT_BYTES, need_write}, /* the CPU sets the TSS descriptor's busy bit */
        {AUDIT_IDT, idt_start(), IDT_BYTES, need_read},
        {AUDIT_TSS, arch->tss, TSS_BYTES, need_write},
        {AUDIT_RSP0, &thread->arch.frame, sizeof(struct frame), need_write},
        {AUDIT_CPU_AREA, cpu, sizeof(struct cpu), need_write},
        {AUDIT_APIC, apic_registers(), PAGE_BYTES, need_write},
        {AUDIT_DIRECT_MAP, arch_pointer(root), PAGE_BYTES, need_write},
        {AUDIT_MESSAGE_PAGE, thread->message == NULL ? (const void *)cpu : thread->message, 8, need_write},
    };
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!range_is(root, rows[i].start, rows[i].bytes, rows[i].need, ret_failure))
            return rows[i].check;
    }
    for (uint32_t i = 1; i <= IST_STACKS; i++) {
        if (!page_is(root, cpu_ist_top(cpu, i) - 8, need_write, ret_failure))
            return AUDIT_IST;
    }
    return AUDIT_OK;
}

/* No page of the user half is writable and executable. */
static enum audit_check check_write_execute(uint64_t root, struct audit_failure *ret_failure) {
    uint64_t step;
    for (uint64_t address = 0; address < USER_LIMIT; address += step) {
        uint64_t entries[4] = {0};
        uint32_t looked_at = page_walk(root, address, entries);
        uint64_t last = entries[looked_at - 1];
        step = PAGE_BYTES << (9 * (4 - looked_at));
        if ((last & PTE_PRESENT) == 0)
            continue;
        if ((last & PTE_WRITE) != 0 && (last & PTE_NO_EXECUTE) == 0) {
            report(ret_failure, address, looked_at, last);
            return AUDIT_WRITE_EXECUTE;
        }
    }
    return AUDIT_OK;
}

enum audit_check arch_audit_root(uint64_t root, const struct thread *thread, bool full,
                                 struct audit_failure *ret_failure) {
    enum audit_check check = check_kernel_half(root, ret_failure);
    if (check != AUDIT_OK || !full)
        return check;
    check = check_machine(root, thread, ret_failure);
    if (check == AUDIT_OK)
        check = check_gates(root, ret_failure);
    if (check == AUDIT_OK)
        check = check_write_execute(root, ret_failure);
    return check;
}

enum audit_check arch_audit_page(uint64_t root, uaddr_t at, uint32_t rights, bool absent_ok, enum audit_check check,
                                 struct audit_failure *ret_failure) {
    uint64_t entries[4] = {0};
    uint32_t looked_at = page_walk(root, at, entries);
    if (absent_ok && (entries[looked_at - 1] & PTE_PRESENT) == 0)
        return AUDIT_OK;
    struct need need = {.user = true, .write = (rights & MEMORY_WRITE) != 0, .execute = (rights & MEMORY_EXECUTE) != 0};
    return page_is(root, at, need, ret_failure) ? AUDIT_OK : check;
}
