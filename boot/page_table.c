#include "boot/page_table.h"

#include "boot/bytes.h"
#include "boot/phys.h"

enum { ENTRY_BITS = 9, ENTRY_COUNT = 1 << ENTRY_BITS, ROOT_SHIFT = 39 };

void page_tables_begin(struct page_tables *tables, uint64_t phys, uint64_t page_count) {
    *tables = (struct page_tables){.phys = phys, .page_count = page_count, .used_count = 1};
    memset(phys_pointer(phys), 0, page_count * PAGE_BYTES_4K);
}

/*
 * Returns the table that `entry` leads to, and makes it if there is none yet. Null: a page is mapped there, or there is
 * no page for a table.
 */
static uint64_t *table_below(struct page_tables *tables, uint64_t *entry) {
    if (*entry & PAGE_TABLE_LARGE)
        return NULL;
    if (*entry == 0) {
        if (tables->used_count == tables->page_count)
            return NULL;
        /* An entry of the last level alone decides on the rights. */
        *entry = (tables->phys + tables->used_count * PAGE_BYTES_4K) | PAGE_TABLE_PRESENT | PAGE_TABLE_WRITE;
        tables->used_count++;
    }
    return phys_pointer(*entry & PAGE_TABLE_ADDRESS);
}

static bool map_page(struct page_tables *tables, uint64_t virt, uint64_t entry_value, uint64_t page_bytes) {
    uint64_t *table = phys_pointer(tables->phys);
    for (uint32_t shift = ROOT_SHIFT;; shift -= ENTRY_BITS) {
        uint64_t *entry = &table[(virt >> shift) % ENTRY_COUNT];
        if (1ULL << shift == page_bytes) {
            bool is_free = *entry == 0;
            *entry = entry_value;
            return is_free;
        }
        table = table_below(tables, entry);
        if (table == NULL)
            return false;
    }
}

bool page_tables_map(struct page_tables *tables, struct page_run run) {
    uint64_t flags = run.flags | PAGE_TABLE_PRESENT;
    if (run.page_bytes != PAGE_BYTES_4K)
        flags |= PAGE_TABLE_LARGE;
    for (uint64_t done = 0; done < run.bytes; done += run.page_bytes) {
        if (!map_page(tables, run.virt + done, (run.phys + done) | flags, run.page_bytes))
            return false;
    }
    return true;
}

uint64_t page_tables_count(uint64_t virt, uint64_t bytes) {
    uint64_t count = 0;
    for (uint32_t shift = ROOT_SHIFT; 1ULL << shift > PAGE_BYTES_4K; shift -= ENTRY_BITS)
        count += ((virt + bytes - 1) >> shift) - (virt >> shift) + 1;
    return count;
}
