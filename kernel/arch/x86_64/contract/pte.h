/*
 * Bits of a page-table entry. Source: Intel SDM vol. 3A, 4-Level Paging and Access Rights.
 */
#pragma once

#include <stdint.h>

#define PTE_PRESENT (1ULL << 0)
#define PTE_WRITE (1ULL << 1)
#define PTE_USER (1ULL << 2)
#define PTE_WRITE_THROUGH (1ULL << 3) /* PAT entry 1, which is set to write-combining */
#define PTE_UNCACHED (1ULL << 4 | 1ULL << 3)
#define PTE_ACCESSED (1ULL << 5)
#define PTE_DIRTY (1ULL << 6)
#define PTE_LARGE (1ULL << 7) /* in a PDPT or PD entry: a leaf */
#define PTE_GLOBAL (1ULL << 8)
#define PTE_MAY_WRITE (1ULL << 9) /* ignored by the CPU: rights that space_protect may grant */
#define PTE_MAY_EXECUTE (1ULL << 10)
#define PTE_COUNTED (1ULL << 11) /* ignored, too: a leaf that the ledger counts; not device memory */
#define PTE_NO_EXECUTE (1ULL << 63)
#define PTE_ADDRESS 0x000ffffffffff000ULL

static inline uint32_t pte_index(uint64_t address, uint32_t level) {
    return (uint32_t)(address >> (12 + 9 * (level - 1)) & 511);
}
