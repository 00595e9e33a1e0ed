/*
 * The audit: is a candidate root fit to be CR3?
 *
 * All spaces share the tables below the kernel half of the sealed root, so a sound candidate has the sealed root's
 * entries. arch_root_init() puts them there, and only test_hooks.c writes to that half of a root, so a handover audits
 * only with checks. The audit also walks every address that the CPU or the kernel's way back to user mode touches, in
 * the candidate's own tables and in the sealed ones in parallel. A failure is named after the part that needs the
 * address.
 */
#include "kernel/arch/x86_64/audit.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/string.h"
#include "kernel/machine/cpu.h"
#include "kernel/run/thread.h"

/* Needed properties of a page. */
struct need {
    bool user, write, execute;
};

/*
 * Limits of one part of an audit. A last-level table can have 512 entries; anything else in the user half is one step.
 */
#define AUDIT_PAGES 16U
#define AUDIT_STEPS 32U
#define AUDIT_TABLE_STEPS 32U

static const struct need need_code = {.execute = true};
static const struct need need_read = {0};
static const struct need need_write = {.write = true};

static void report(struct audit_failure *ret_failure, uint64_t address, uint32_t looked_at, uint64_t entry) {
    ret_failure->address = address >= KERNEL_HALF ? address - KERNEL_HALF : address;
    ret_failure->level = 5 - looked_at;
    ret_failure->entry = entry & ~PTE_ADDRESS;
}

/* Bits of an entry that matter: the CPU sets accessed and dirty by itself. */
static uint64_t significant(uint64_t entry) { return entry & ~(PTE_ACCESSED | PTE_DIRTY); }

/* Does the walk end in a page as needed? All entries on the way together decide the rights. */
static bool leaf_is(uint64_t address, const uint64_t entries[static 4], uint32_t looked_at, struct need need,
                    struct audit_failure *ret_failure) {
    uint64_t all = UINT64_MAX, any = 0;
    for (uint32_t i = 0; i < looked_at; i++) {
        all &= entries[i];
        any |= entries[i];
    }
    const uint64_t who = PTE_PRESENT | PTE_USER, wanted = PTE_PRESENT | (need.user ? PTE_USER : 0);
    if ((all & who) != wanted || (any & who) != wanted) {
        uint32_t first = 0;
        while ((entries[first] & who) == wanted)
            first++;
        report(ret_failure, address, first + 1, entries[first]);
        return false;
    }
    bool writable = (all & PTE_WRITE) != 0, executable = (any & PTE_NO_EXECUTE) == 0;
    bool wrong = (need.write && !writable) || need.execute != executable || (need.execute && writable);
    if (wrong)
        report(ret_failure, address, looked_at, entries[looked_at - 1]);
    return !wrong;
}

/*
 * Is an entry above the leaf right? Its address only says where the walk goes on. Tables that were made for this space
 * are frames of a pool, which can be read; any other address, except the sealed table's, is not followed.
 */
static bool table_entry_is(uint64_t entry, uint64_t sealed) {
    uint64_t frame = (entry & PTE_ADDRESS) / PAGE_BYTES;
    bool same_table = (entry & PTE_ADDRESS) == (sealed & PTE_ADDRESS);
    bool readable = same_table || frame_type(frame) == FRAME_TABLE || frame_type(frame) == FRAME_OBJECT;
    return readable && (significant(entry) & ~PTE_ADDRESS) == (significant(sealed) & ~PTE_ADDRESS);
}

/*
 * Check one page of the kernel half. Its entries must equal those of the sealed root at every level, except for tables
 * in other places (check_kernel_half refuses these if nothing worse is found in them). It must have the needed rights;
 * "read" also passes for writable pages.
 */
static bool page_is(uint64_t root, uint64_t address, struct need need, struct audit_failure *ret_failure) {
    uint64_t sealed[4] = {0}, entries[4] = {0};
    uint32_t looked_at = page_walk(sealed_root, address, sealed);
    const uint64_t *table = arch_pointer(root);
    for (uint32_t i = 0; i < looked_at; i++) {
        entries[i] = table[pte_index(address, 4 - i)];
        bool is_leaf = i + 1 == looked_at;
        bool same = is_leaf ? significant(entries[i]) == significant(sealed[i]) : table_entry_is(entries[i], sealed[i]);
        if (!same) {
            report(ret_failure, address, i + 1, entries[i]);
            return false;
        }
        table = arch_pointer(entries[i] & PTE_ADDRESS);
    }
    return leaf_is(address, entries, looked_at, need, ret_failure);
}

/*
 * Check the root's upper half, entry by entry. The sealed entries have their accessed bit set, so sound entries are
 * equal.
 */
static enum audit_check check_kernel_half(uint64_t root, struct audit_failure *ret_failure) {
    const uint64_t *table = arch_pointer(root), *sealed = arch_pointer(sealed_root);
    for (uint32_t i = ROOT_KERNEL_ENTRY; i < ENTRIES; i++) {
        if (table[i] == sealed[i])
            continue;
        report(ret_failure, KERNEL_HALF + ((uint64_t)(i - ROOT_KERNEL_ENTRY) << 39), 1, table[i]);
        return (table[i] & PTE_USER) != 0 ? AUDIT_USER_BIT : AUDIT_KERNEL_HALF;
    }
    return AUDIT_OK;
}

/* Neighbouring gates lead to the same page: one walk for each page is enough. */
static enum audit_check check_gates(uint64_t root, struct audit_failure *ret_failure) {
    uint64_t walked = 0;
    for (uint32_t vector = 0; vector < IDT_GATES; vector++) {
        uint64_t page = idt_gate_target(vector) & ~(PAGE_BYTES - 1);
        if (page != walked && !page_is(root, page, need_code, ret_failure))
            return AUDIT_GATE;
        walked = page;
    }
    return AUDIT_OK;
}

#define ROWS_MAX 16U

struct row {
    enum audit_check check;
    const void *start;
    uint64_t bytes;
    struct need need;
};

/*
 * List the memory that the machine needs to run `thread`; returns the number of rows. Small ranges come first: several
 * lie in the image's pages, and the first that is wrong names the failure.
 */
static uint32_t list_needs(const struct thread *thread, struct row rows[static ROWS_MAX]) {
    const struct cpu *cpu = arch_this_cpu();
    const struct arch_cpu *arch = &cpu->arch;
    const struct row needs[] = {
        {AUDIT_KERNEL_STACK, (const void *)(arch->stack_top - STACK_PAGES * PAGE_BYTES), STACK_PAGES * PAGE_BYTES,
         need_write},
        {AUDIT_GDT, cpu_gdt(cpu), GDT_BYTES, need_write}, /* the CPU sets the TSS descriptor's busy bit */
        {AUDIT_IDT, idt_start(), IDT_BYTES, need_read},
        {AUDIT_TSS, &arch->tss, TSS_BYTES, need_write},
        {AUDIT_RSP0, &thread->arch.frame, sizeof(struct frame), need_write},
        {AUDIT_CPU_AREA, cpu, sizeof(struct cpu), need_write},
        {AUDIT_APIC, apic_registers(), PAGE_BYTES, need_write},
        {AUDIT_DIRECT_MAP, arch_pointer(sealed_root), PAGE_BYTES, need_write},
        {AUDIT_IST, (const void *)(cpu_ist_top(cpu, 1) - 8), 8, need_write},
        {AUDIT_IST, (const void *)(cpu_ist_top(cpu, 2) - 8), 8, need_write},
        {AUDIT_IST, (const void *)(cpu_ist_top(cpu, 3) - 8), 8, need_write},
        {AUDIT_IST, (const void *)(cpu_ist_top(cpu, 4) - 8), 8, need_write},
        {AUDIT_KERNEL_TEXT, kernel_text_start, (uint64_t)(kernel_text_end - kernel_text_start), need_code},
        {AUDIT_KERNEL_DATA, kernel_text_end, (uint64_t)(kernel_rodata_end - kernel_text_end), need_read},
        {AUDIT_KERNEL_DATA, kernel_rodata_end, (uint64_t)(kernel_image_end - kernel_rodata_end), need_write},
    };
    _Static_assert(IST_STACKS == 4, "a row for each");
    _Static_assert(sizeof needs / sizeof needs[0] < ROWS_MAX, "room for one more");
    uint32_t count = sizeof needs / sizeof needs[0];
    memory_move(rows, needs, sizeof needs);
    if (thread->message != NULL)
        rows[count++] = (struct row){AUDIT_MESSAGE_PAGE, thread->message, PAGE_BYTES, need_write};
    return count;
}

/*
 * Check the needed pages from number `*position` on. They are counted from 1; after the last, `*position` is
 * USER_LOWEST.
 */
static enum audit_check check_machine(uint64_t root, const struct thread *thread, uint64_t *position,
                                      struct audit_failure *ret_failure) {
    struct row rows[ROWS_MAX];
    uint32_t count = list_needs(thread, rows);
    uint64_t first = 1, end = *position + AUDIT_PAGES;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t start = (uint64_t)(uintptr_t)rows[i].start & ~(PAGE_BYTES - 1);
        uint64_t bytes = (uint64_t)(uintptr_t)rows[i].start + rows[i].bytes - start;
        uint64_t past = first + (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
        for (; *position < past; (*position)++) {
            if (*position == end)
                return AUDIT_OK;
            if (!page_is(root, start + (*position - first) * PAGE_BYTES, rows[i].need, ret_failure))
                return rows[i].check;
        }
        first = past;
    }
    *position = USER_LOWEST;
    return AUDIT_OK;
}

uint64_t audit_needed_address(enum audit_check check, const struct thread *thread) {
    struct row rows[ROWS_MAX];
    uint32_t count = list_needs(thread, rows);
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].check == check)
            return (uint64_t)(uintptr_t)rows[i].start;
    }
    return check == AUDIT_GATE ? idt_gate_target(0) : 0;
}

static bool writes_and_executes(uint64_t entry) { return (entry & (PTE_WRITE | PTE_NO_EXECUTE)) == PTE_WRITE; }

/* Check the entries of a last-level table. The ledger knows how many there are, so the walk ends with the last. */
static bool table_is_sound(const uint64_t *table, uaddr_t base, struct audit_failure *ret_failure) {
    uint32_t left = frame_entries(arch_physical(table) / PAGE_BYTES);
    for (uint32_t i = 0; left > 0; i++) {
        if (table[i] == 0)
            continue;
        left--;
        if (writes_and_executes(table[i])) {
            report(ret_failure, base + i * PAGE_BYTES, 4, table[i]);
            return false;
        }
    }
    return true;
}

/* Check the lowest entry that covers `*at`, if it is a leaf or leads to a last-level table, and move `*at` past it. */
static bool audit_step(uint64_t root, uaddr_t *at, struct audit_failure *ret_failure) {
    const uint64_t *table = arch_pointer(root);
    uint32_t level = 4;
    uint64_t entry = table[pte_index(*at, level)];
    while (entry != 0 && (entry & PTE_LARGE) == 0 && level > 2) {
        table = arch_pointer(entry & PTE_ADDRESS);
        entry = table[pte_index(*at, --level)];
    }
    uint64_t covered = 1ULL << (12 + 9 * (level - 1));
    uaddr_t base = *at & ~(covered - 1);
    *at = base + covered;
    if (entry == 0)
        return true;
    if ((entry & PTE_LARGE) == 0)
        return table_is_sound(arch_pointer(entry & PTE_ADDRESS), base, ret_failure);
    if (writes_and_executes(entry))
        report(ret_failure, base, 5 - level, entry);
    return !writes_and_executes(entry);
}

static enum audit_check check_user_half(uint64_t root, uaddr_t *at, struct audit_failure *ret_failure) {
    uint32_t steps = AUDIT_STEPS;
    while (*at < USER_LIMIT && steps > 0) {
        uint32_t taken = arch_table_find(root, *at) != NULL ? AUDIT_TABLE_STEPS : 1;
        if (!audit_step(root, at, ret_failure))
            return AUDIT_WRITE_EXECUTE;
        steps -= taken < steps ? taken : steps;
    }
    if (*at > USER_LIMIT)
        *at = USER_LIMIT;
    return AUDIT_OK;
}

enum audit_check arch_audit_part(uint64_t root, const struct thread *thread, uint64_t *position,
                                 struct audit_failure *ret_failure) {
    if (*position >= USER_LOWEST)
        return check_user_half(root, position, ret_failure);
    if (*position == 0) {
        *position = 1;
        return check_gates(root, ret_failure);
    }
    enum audit_check check = check_machine(root, thread, position, ret_failure);
    if (check == AUDIT_OK && *position == USER_LOWEST)
        check = check_kernel_half(root, ret_failure);
    return check;
}

enum audit_check arch_audit_root(uint64_t root, const struct thread *thread, struct audit_failure *ret_failure) {
    enum audit_check check = AUDIT_OK;
    for (uint64_t position = 0; check == AUDIT_OK && position < USER_LIMIT;)
        check = arch_audit_part(root, thread, &position, ret_failure);
    return check;
}

enum audit_check arch_audit_page(uint64_t root, uaddr_t at, uint32_t rights, bool absent_ok, enum audit_check check,
                                 struct audit_failure *ret_failure) {
    uint64_t entries[4] = {0};
    uint32_t looked_at = page_walk(root, at, entries);
    if (absent_ok && (entries[looked_at - 1] & PTE_PRESENT) == 0)
        return AUDIT_OK;
    struct need need = {.user = true, .write = (rights & MEMORY_WRITE) != 0, .execute = (rights & MEMORY_EXECUTE) != 0};
    return leaf_is(at, entries, looked_at, need, ret_failure) ? AUDIT_OK : check;
}
