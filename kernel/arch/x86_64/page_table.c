/*
 * Page tables of user halves, and walks of any address. All memory is reached through arch_pointer, so the host build
 * runs this code on an array.
 *
 * Levels: 4 is PML4, 3 PDPT, 2 PD, 1 PT. The ledger counts the present entries of each table (of a root: in the user
 * half), so that an empty table is known without reading it. The ledger also notes where an entry was made, so that the
 * entries of an almost empty table are found without a search.
 */
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/arch.h"
#include "kernel/arch/x86_64/contract/page_one.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/base/string.h"
#include "kernel/memory/pool.h"

#define REAP_ENTRIES 128U /* of a last-level table, cleared in one step of taking a space apart */

uint64_t sealed_root;

void arch_root_init(uint64_t root) {
    uint64_t *table = arch_pointer(root);
    const uint64_t *sealed = arch_pointer(sealed_root);
    memory_move(table + ROOT_KERNEL_ENTRY, sealed + ROOT_KERNEL_ENTRY,
                (ENTRIES - ROOT_KERNEL_ENTRY) * sizeof(uint64_t));
}

/*
 * The table of `level` on the way to `at`. *ret_level is the level that was reached: a higher one if a table is missing
 * or a large page is in its place.
 */
static uint64_t *descend(uint64_t root, uaddr_t at, uint32_t level, uint32_t *ret_level) {
    uint64_t *table = arch_pointer(root);
    uint32_t reached = 4;
    while (reached > level) {
        uint64_t entry = table[pte_index(at, reached)];
        if (entry == 0 || (entry & PTE_LARGE) != 0)
            break;
        table = page_table_at(entry);
        reached--;
    }
    *ret_level = reached;
    return table;
}

uint64_t *arch_table_find(uint64_t root, uaddr_t at) { return page_table_find(root, at); }

uint64_t *arch_large_find(uint64_t root, uaddr_t at) {
    uint32_t level;
    uint64_t *entry = descend(root, at, 1, &level) + pte_index(at, 2);
    return level == 2 && *entry != 0 ? entry : NULL;
}

/* How many tables the walk of one address lacks, down to the last level. */
static uint32_t missing_at(uint64_t root, uaddr_t at) {
    uint32_t level;
    descend(root, at, 1, &level);
    return level - 1;
}

uint32_t arch_tables_missing_large(uint64_t root, uaddr_t at) {
    uint32_t missing = missing_at(root, at);
    return missing == 0 ? 0 : missing - 1;
}

/*
 * A run of at most 512 pages touches at most two tables of each level, the second if it crosses a boundary of that
 * level. The last address lacks the tables of its own walk, but only those below the level at which the two walks part.
 */
uint32_t arch_tables_missing(uint64_t root, uaddr_t at, uint64_t page_count) {
    uaddr_t last = at + (page_count - 1) * PAGE_BYTES;
    uint32_t missing = missing_at(root, at);
    uint32_t apart = 1; /* the highest level at which the two addresses use different entries */
    for (uint32_t level = 2; level <= 4; level++) {
        if (pte_index(at, level) != pte_index(last, level))
            apart = level;
    }
    if (apart == 1)
        return missing;
    uint32_t missing_last = missing_at(root, last);
    return missing + (missing_last < apart - 1 ? missing_last : apart - 1);
}

static uint64_t number_of(const uint64_t *table) { return arch_physical(table) / PAGE_BYTES; }

/* The table of `level` on the way to `at`. Makes missing tables. */
static uint64_t *make_down_to(uint64_t root, uaddr_t at, uint32_t level, struct pool *pool) {
    uint64_t *table = arch_pointer(root);
    for (uint32_t above = 4; above > level; above--) {
        uint64_t *entry = &table[pte_index(at, above)];
        if (*entry == 0) {
            void *below = pool_take_table(pool);
            assert(below != NULL);
            *entry = arch_physical(below) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
            page_table_count(table, 1);
            frame_note_entry(number_of(table), pte_index(at, above));
            frame_note_entry(number_of(below), pte_index(at, above - 1));
        }
        table = page_table_at(*entry);
    }
    return table;
}

uint64_t *arch_table_make(uint64_t root, uaddr_t at, struct pool *pool) { return make_down_to(root, at, 1, pool); }

void arch_large_make(uint64_t root, uaddr_t at, uint64_t entry, struct pool *pool) {
    uint64_t *table = make_down_to(root, at, 2, pool);
    table[pte_index(at, 2)] = entry | PTE_LARGE;
    page_table_count(table, 1);
}

uint64_t arch_large_split(uint64_t *entry, struct pool *pool) {
    uint64_t *table = pool_take_table(pool);
    assert(entry != NULL && table != NULL);
    uint64_t first = *entry & ~PTE_LARGE;
    for (uint64_t i = 0; i < ENTRIES; i++)
        table[i] = first + i * PAGE_BYTES;
    page_table_count(table, (int32_t)ENTRIES);
    *entry = 0;
    return arch_physical(table) | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

/* Give back the table of `level` on the way to `at` if it is empty, and tables above it that become empty. */
static void prune(uint64_t root, uaddr_t at, uint32_t level, struct pool *pool) {
    uint64_t *tables[5]; /* by level */
    tables[4] = arch_pointer(root);
    for (uint32_t above = 4; above > level; above--)
        tables[above - 1] = page_table_at(tables[above][pte_index(at, above)]);
    for (; level < 4 && arch_table_is_empty(tables[level]); level++) {
        pool_give_cleared(pool, tables[level], PAGE_BYTES);
        tables[level + 1][pte_index(at, level + 1)] = 0;
        page_table_count(tables[level + 1], -1);
    }
}

void arch_table_add(const uint64_t *table, uint64_t count) { page_table_count(table, (int32_t)count); }

bool arch_table_is_empty(const uint64_t *table) { return frame_entries(number_of(table)) == 0; }

void arch_table_prune(uint64_t root, uaddr_t at, struct pool *pool) { prune(root, at, 1, pool); }

/* Written for speed: an unmap spends most of its time here. */
uint64_t arch_entries_clear(uint64_t *table, uint64_t first, uint64_t count) {
    uint64_t unheld = 0, removed = count;
    for (uint64_t i = first; i < first + count; i++) {
        uint64_t entry = table[i];
        if (!arch_entry_is_counted(entry)) {
            removed -= entry == 0;
            table[i] = 0;
            continue;
        }
        table[i] = 0;
        unheld += frame_drop(arch_entry_frame(entry));
    }
    ledger.mapped_count -= unheld;
    page_table_count(table, -(int32_t)removed);
    return removed;
}

void arch_large_remove(uint64_t root, uaddr_t at, struct pool *pool) {
    uint32_t level;
    uint64_t *table = descend(root, at, 2, &level);
    uint64_t *entry = &table[pte_index(at, 2)], frame = arch_entry_frame(*entry);
    assert(level == 2 && (*entry & PTE_LARGE) != 0);
    frame_release_run(frame, ENTRIES);
    *entry = 0;
    page_table_count(table, -1);
    prune(root, at, 2, pool);
}

/* Most entries of most tables are empty, so this many are tested at a time. */
#define GROUP_ENTRIES 8U
static bool group_is_empty(const uint64_t *entries) {
    return (entries[0] | entries[1] | entries[2] | entries[3] | entries[4] | entries[5] | entries[6] | entries[7]) == 0;
}

/* The index of an entry of a table that is not empty. */
static uint32_t find_entry(const uint64_t *table) {
    uint32_t index = frame_likely_entry(number_of(table));
    if (table[index] != 0)
        return index;
    index = 0;
    while (group_is_empty(&table[index]))
        index += GROUP_ENTRIES;
    while (table[index] == 0)
        index++;
    return index;
}

/* A mapped address of a user half that is not empty. */
static uaddr_t find_mapped(uint64_t root) {
    const uint64_t *table = arch_pointer(root);
    uaddr_t at = 0;
    for (uint32_t level = 4; level >= 1; level--) {
        uint32_t index = find_entry(table);
        at |= (uint64_t)index << (12 + 9 * (level - 1));
        if (level == 1 || (table[index] & PTE_LARGE) != 0)
            break;
        table = page_table_at(table[index]);
    }
    return at;
}

bool arch_table_reap(uint64_t root, struct pool *pool) {
    const uint64_t *user_half = arch_pointer(root);
    if (arch_table_is_empty(user_half))
        return false;
    uaddr_t at = find_mapped(root);
    uint64_t *table = arch_table_find(root, at);
    if (table == NULL) {
        arch_large_remove(root, at, pool);
        return !arch_table_is_empty(user_half);
    }
    uint64_t first = arch_table_index(at) & ~(uint64_t)(GROUP_ENTRIES - 1);
    uint64_t end = first + REAP_ENTRIES < ENTRIES ? first + REAP_ENTRIES : ENTRIES;
    for (; first < end && !arch_table_is_empty(table); first += GROUP_ENTRIES) {
        if (!group_is_empty(&table[first]))
            arch_entries_clear(table, first, GROUP_ENTRIES);
    }
    prune(root, at, 1, pool);
    return !arch_table_is_empty(user_half);
}

uint64_t arch_entry_make(uint64_t frame, uint64_t flags, uint32_t limit, bool counted) {
    uint64_t entry = entry_of_page(frame, flags, limit);
    if (counted)
        entry |= PTE_COUNTED;
    if ((flags & MAP_UNCACHED) != 0)
        entry |= PTE_UNCACHED;
    if ((flags & MAP_WRITE_COMBINING) != 0)
        entry |= PTE_WRITE_THROUGH;
    return entry;
}

void arch_entries_protect(uint64_t *entries, uint64_t count, uint32_t rights) {
    uint64_t changing = PTE_WRITE | PTE_DIRTY | PTE_NO_EXECUTE, bits = rights_bits(rights);
    for (uint64_t i = 0; i < count; i++)
        entries[i] = (entries[i] & ~changing) | bits;
}

uint32_t arch_entry_limit(uint64_t entry) {
    uint32_t limit = MEMORY_READ;
    if ((entry & PTE_MAY_WRITE) != 0)
        limit |= MEMORY_WRITE;
    if ((entry & PTE_MAY_EXECUTE) != 0)
        limit |= MEMORY_EXECUTE;
    return limit;
}

uint32_t page_walk(uint64_t root, uint64_t address, uint64_t entries[static 4]) {
    uint64_t *table = arch_pointer(root);
    for (uint32_t level = 4; level >= 1; level--) {
        uint64_t entry = table[pte_index(address, level)];
        entries[4 - level] = entry;
        bool is_leaf = level == 1 || ((entry & PTE_LARGE) != 0 && level < 4);
        if ((entry & PTE_PRESENT) == 0 || is_leaf)
            return 5 - level;
        table = page_table_at(entry);
    }
    return 4;
}

bool arch_page_allows(uint64_t root, uaddr_t at, uint32_t rights) {
    const uint64_t seen = PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NO_EXECUTE;
    uint64_t all = seen, entry = root; /* all: what all entries on the way allow, PTE_NO_EXECUTE inverted */
    for (uint32_t level = 4; level >= 1; level--) {
        entry = page_table_at(entry)[pte_index(at, level)];
        if ((entry & (PTE_PRESENT | PTE_LARGE)) != PTE_PRESENT)
            return false;
        all &= entry ^ PTE_NO_EXECUTE;
    }
    return all == ((rights_bits(rights) & seen) ^ PTE_NO_EXECUTE);
}

void arch_walk(uint64_t root, uint64_t address, struct space_walk *ret_walk) {
    *ret_walk = (struct space_walk){0};
    if (address >= USER_LIMIT) {
        ret_walk->levels = 1; /* the kernel half always looks empty */
        return;
    }
    ret_walk->levels = page_walk(root, address, ret_walk->entry);
    for (uint64_t i = 0; i + 1 < ret_walk->levels; i++)
        ret_walk->entry[i] &= ~PTE_ADDRESS;
}
