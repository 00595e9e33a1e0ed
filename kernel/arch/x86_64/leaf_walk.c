/*
 * With -Dchecks: a walk over all of a user half, which also compares each table's ledger count with its entries.
 */
#include "kernel/arch.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/arch/x86_64/pte.h"
#include "kernel/ledger.h"

/* A table's `count` entries; false: its ledger entry says otherwise. */
static bool count_is_right(const uint64_t *table, uint32_t count) {
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++)
        present += table[i] != 0;
    uint64_t frame = arch_physical(table) / PAGE_BYTES;
    return frame_type(frame) == FRAME_TABLE && frame_count(frame) == present;
}

static uint64_t *below(uint64_t entry) { return arch_pointer(entry & PTE_ADDRESS); }

/* A large page counts as the 512 small ones it could be. */
static bool each_in_large(uint64_t entry, bool (*visit)(uint64_t entry)) {
    for (uint64_t i = 0; i < ENTRIES; i++) {
        if (!visit((entry & ~PTE_LARGE) + i * PAGE_BYTES))
            return false;
    }
    return true;
}

static bool each_in_directory(const uint64_t *directory, bool (*visit)(uint64_t entry)) {
    for (uint32_t i = 0; i < ENTRIES; i++) {
        if (directory[i] == 0)
            continue;
        if ((directory[i] & PTE_LARGE) != 0) {
            if (!each_in_large(directory[i], visit))
                return false;
            continue;
        }
        const uint64_t *table = below(directory[i]);
        if (!count_is_right(table, ENTRIES))
            return false;
        for (uint32_t j = 0; j < ENTRIES; j++) {
            if (table[j] != 0 && !visit(table[j]))
                return false;
        }
    }
    return true;
}

bool arch_each_leaf(uint64_t root, bool (*visit)(uint64_t entry)) {
    const uint64_t *pml4 = arch_pointer(root);
    if (!count_is_right(pml4, ROOT_KERNEL_ENTRY))
        return false;
    for (uint32_t i = 0; i < ROOT_KERNEL_ENTRY; i++) {
        if (pml4[i] == 0)
            continue;
        const uint64_t *pdpt = below(pml4[i]);
        if (!count_is_right(pdpt, ENTRIES))
            return false;
        for (uint32_t j = 0; j < ENTRIES; j++) {
            if (pdpt[j] == 0)
                continue;
            if (!count_is_right(below(pdpt[j]), ENTRIES) || !each_in_directory(below(pdpt[j]), visit))
                return false;
        }
    }
    return true;
}
