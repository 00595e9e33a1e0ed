/*
 * Mapping and unmapping of one page of RAM, the common case of pagers, and inline for that reason. Part of arch.h.
 */
#pragma once

#include "kernel/arch/x86_64/contract/pte.h"
#include "kernel/base/assert.h"
#include "kernel/base/ledger.h"

static inline uint64_t *page_table_at(uint64_t entry) { return arch_pointer(entry & PTE_ADDRESS); }

static inline void page_table_count(const uint64_t *table, int32_t delta) {
    uint64_t frame = arch_physical(table) / PAGE_BYTES;
    assert(frame_type(frame) == FRAME_TABLE);
    frame_add_entries(frame, delta);
}

/* arch_table_find, with its loop unrolled, since every mapping needs it. Only a PD entry can be a large page. */
static inline uint64_t *page_table_find(uint64_t root, uaddr_t at) {
    const uint64_t *pml4 = arch_pointer(root);
    uint64_t entry = pml4[pte_index(at, 4)];
    if (entry == 0)
        return NULL;
    entry = page_table_at(entry)[pte_index(at, 3)];
    if (entry == 0)
        return NULL;
    entry = page_table_at(entry)[pte_index(at, 2)];
    if ((entry & (PTE_PRESENT | PTE_LARGE)) != PTE_PRESENT)
        return NULL;
    if (page_table_at(entry) == NULL)
        __builtin_unreachable(); /* spares a caller the comparison: the entry was checked */
    return page_table_at(entry);
}

static inline uint64_t rights_bits(uint32_t rights) {
    uint64_t bits = PTE_PRESENT | PTE_USER | PTE_ACCESSED;
    if ((rights & MEMORY_WRITE) != 0)
        bits |= PTE_WRITE | PTE_DIRTY;
    if ((rights & MEMORY_EXECUTE) == 0)
        bits |= PTE_NO_EXECUTE;
    return bits;
}

static inline bool arch_entry_is_counted(uint64_t entry) { return (entry & PTE_COUNTED) != 0; }
static inline uint64_t arch_entry_frame(uint64_t entry) { return (entry & PTE_ADDRESS) / PAGE_BYTES; }

/* An entry with `rights`; `limit` are the rights that it can ever have. */
static inline uint64_t entry_of_page(uint64_t frame, uint64_t rights, uint32_t limit) {
    uint64_t entry = frame * PAGE_BYTES | rights_bits((uint32_t)rights);
    if ((limit & MEMORY_WRITE) != 0)
        entry |= PTE_MAY_WRITE;
    if ((limit & MEMORY_EXECUTE) != 0)
        entry |= PTE_MAY_EXECUTE;
    return entry;
}

/*
 * The common case of mapping, and of unmapping, a page: its last-level table exists and does not become empty. Adding
 * holds the frame; removing releases it. False, and nothing changed: it is another case.
 */
__attribute__((always_inline)) static inline bool arch_page_add(uint64_t root, uaddr_t at, uint64_t frame,
                                                                uint64_t rights, uint32_t limit) {
    uint64_t *table = page_table_find(root, at);
    if (table == NULL || table[arch_table_index(at)] != 0 || !frame_hold(frame))
        return false;
    table[arch_table_index(at)] = entry_of_page(frame, rights, limit) | PTE_COUNTED;
    page_table_count(table, 1);
    return true;
}

__attribute__((always_inline)) static inline bool arch_page_remove(uint64_t root, uaddr_t at) {
    uint64_t *table = page_table_find(root, at);
    if (table == NULL || frame_entries(arch_physical(table) / PAGE_BYTES) == 1)
        return false;
    uint64_t entry = table[arch_table_index(at)];
    if (!arch_entry_is_counted(entry))
        return false;
    table[arch_table_index(at)] = 0;
    page_table_count(table, -1);
    frame_release(arch_entry_frame(entry));
    return true;
}
