/*
 * Builds 4-level page tables in a run of pages that the caller provides. Source: Intel SDM vol. 3A, 4-Level Paging.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PAGE_TABLE_PRESENT (1ULL << 0)
#define PAGE_TABLE_WRITE (1ULL << 1)
#define PAGE_TABLE_LARGE (1ULL << 7) /* in a PD or PDPT entry: it maps a page rather than leads to a table */
#define PAGE_TABLE_NO_EXECUTE (1ULL << 63)
#define PAGE_TABLE_ADDRESS 0x000ffffffffff000ULL

#define PAGE_BYTES_4K (1ULL << 12)
#define PAGE_BYTES_2M (1ULL << 21)
#define PAGE_BYTES_1G (1ULL << 30)

/* Pages for tables, the root first. page_tables_begin() zeroes all of them. */
struct page_tables {
    uint64_t phys; /* of the root: PML4 */
    uint64_t page_count;
    uint64_t used_count;
};

/* A run of memory to map. virt, phys and bytes are multiples of page_bytes. */
struct page_run {
    uint64_t virt;
    uint64_t phys;
    uint64_t bytes;
    uint64_t page_bytes; /* PAGE_BYTES_4K, _2M or _1G */
    uint64_t flags;      /* PAGE_TABLE_WRITE, PAGE_TABLE_NO_EXECUTE */
};

/* Start with an empty root in `page_count` pages from `phys` on; page_count is at least 1. */
void page_tables_begin(struct page_tables *tables, uint64_t phys, uint64_t page_count);

/*
 * Map a run. False: there is no page left for a table, or an address of the run is mapped already; the tables must not
 * be used then.
 */
[[nodiscard]] bool page_tables_map(struct page_tables *tables, struct page_run run);

/*
 * Returns an upper bound of the tables below the root that it takes to map [virt, virt + bytes) in 4 KiB pages; bytes >
 * 0.
 */
uint64_t page_tables_count(uint64_t virt, uint64_t bytes);
