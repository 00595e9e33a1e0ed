/*
 * With -Dchecks: a walk over all of a user half, which also compares each table's ledger count with its entries.
 */
#include "kernel/arch.h"
#include "kernel/arch/x86_64/layout.h"

/* Does the ledger have the right number of entries for a table of `count` entries? */
static bool count_is_right(const uint64_t *table, uint32_t count) {
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++)
        present += table[i] != 0;
    uint64_t frame = arch_physical(table) / PAGE_BYTES;
    return frame_type(frame) == FRAME_TABLE && frame_entries(frame) == present;
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

bool arch_each_leaf(uint64_t root, bool (*visit)(uint64_t entry)) {
    const uint64_t *tables[5] = {[4] = arch_pointer(root)}; /* by level */
    uint32_t next[5] = {0}, end = ROOT_KERNEL_ENTRY;
    if (!count_is_right(tables[4], end))
        return false;
    for (uint32_t level = 4; level <= 4; end = level == 4 ? ROOT_KERNEL_ENTRY : ENTRIES) {
        if (next[level] == end) {
            level++;
            continue;
        }
        uint64_t entry = tables[level][next[level]++];
        if (entry != 0 && (level == 1 || (entry & PTE_LARGE) != 0)) {
            if (level == 1 ? !visit(entry) : !each_in_large(entry, visit))
                return false;
        } else if (entry != 0) {
            level--;
            tables[level] = below(entry);
            next[level] = 0;
            if (!count_is_right(tables[level], ENTRIES))
                return false;
        }
    }
    return true;
}
