#include "kernel/memory/space.h"

#include "kernel/machine/call.h"
#include "kernel/machine/request.h"
#include "kernel/memory/pool.h"

#define TABLE_PAGES 512U /* mapped by one last-level table */

struct space *space_make(struct pool *pool) {
    void *root = pool_take_run(pool, 0, FRAME_TABLE);
    if (root == NULL)
        return NULL;
    struct space *space = pool_take(pool, sizeof(struct space));
    if (space == NULL) {
        pool_give_cleared(pool, root, PAGE_BYTES);
        return NULL;
    }
    object_init(&space->object, OBJECT_SPACE, pool, sizeof(struct space));
    space->root = arch_physical(root);
    arch_root_init(space->root);
    return space;
}

/* Are these user pages, as many as one call may cover? */
static bool range_is_valid(uaddr_t at, uint64_t page_count) {
    return at % PAGE_BYTES == 0 && page_count > 0 && page_count <= MAP_PAGES_MAX && at >= USER_LOWEST &&
           at < USER_LIMIT && page_count * PAGE_BYTES <= USER_LIMIT - at;
}

bool space_rights_are_valid(uint64_t rights) {
    uint64_t write_execute = MEMORY_WRITE | MEMORY_EXECUTE;
    return (rights & ~(uint64_t)RIGHTS_MASK) == 0 && (rights & MEMORY_READ) != 0 &&
           (rights & write_execute) != write_execute;
}

/* The number of pages from `at` to the end of its last-level table, at most `left`. */
static uint64_t pages_in_table(uaddr_t at, uint64_t left) {
    uint64_t rest = TABLE_PAGES - arch_table_index(at);
    return rest < left ? rest : left;
}

static bool is_mapped(const struct space *space, uaddr_t page) {
    const uint64_t *table = arch_table_find(space->root, page);
    return table != NULL ? table[arch_table_index(page)] != 0 : arch_large_find(space->root, page) != NULL;
}

/* Check that a run in one table is empty. E_EXISTS: something is mapped at *ret_where. */
static enum status check_run(const uint64_t *table, uaddr_t at, uint64_t count, uint64_t *ret_where) {
    const uint64_t *entries = table + arch_table_index(at);
    uint64_t any = 0;
    for (uint64_t i = 0; i < count; i++) /* all of them: quicker than a test for each */
        any |= entries[i];
    if (any == 0)
        return OK;
    uint64_t found = 0;
    while (entries[found] == 0)
        found++;
    *ret_where = at + found * PAGE_BYTES;
    return E_EXISTS;
}

static enum status check_empty(const struct space *space, uaddr_t at, uint64_t page_count, uint64_t *ret_where) {
    enum status status = OK;
    for (uint64_t left = page_count; left > 0 && status == OK;) {
        uint64_t count = pages_in_table(at, left);
        const uint64_t *table = arch_table_find(space->root, at);
        if (table != NULL) {
            status = check_run(table, at, count, ret_where);
        } else if (is_mapped(space, at)) {
            *ret_where = at;
            status = E_EXISTS;
        }
        at += count * PAGE_BYTES;
        left -= count;
    }
    return status;
}

/* Can one large page map the run? */
static bool is_large(const struct space *space, const struct frame_run *run) {
    return run->page_count == TABLE_PAGES && run->frame % TABLE_PAGES == 0 && arch_table_index(run->at) == 0 &&
           arch_table_find(space->root, run->at) == NULL;
}

static void write_run(uint64_t *table, uaddr_t at, uint64_t count, uint64_t entry) {
    uint64_t *entries = table + arch_table_index(at);
    for (uint64_t i = 0; i < count; i++)
        entries[i] = entry + i * PAGE_BYTES;
    arch_table_add(table, count);
}

static void map_small(struct space *space, uint64_t page_count, uaddr_t at, uint64_t entry) {
    for (uint64_t left = page_count; left > 0;) {
        uint64_t count = pages_in_table(at, left);
        write_run(arch_table_make(space->root, at, space->object.pool), at, count, entry);
        entry += count * PAGE_BYTES;
        at += count * PAGE_BYTES;
        left -= count;
    }
}

/* Map a run whose frames are held, whose pages are empty and whose tables the pool has memory for. */
static void write_frames(struct space *space, const struct frame_run *run) {
    bool counted = frame_type(run->frame) == FRAME_USER;
    uint64_t entry = arch_entry_make(run->frame, run->flags, run->limit, counted);
    if (run->table != NULL) {
        write_run(run->table, run->at, run->page_count, entry);
    } else if (is_large(space, run)) {
        space->large_pages++;
        arch_large_make(space->root, run->at, entry, space->object.pool);
    } else {
        map_small(space, run->page_count, run->at, entry);
    }
    space->mapped_pages += run->page_count;
}

/* Are the run's pages empty? *ret_missing is how many tables they lack. Errors: E_ARG, E_EXISTS of space_map_frames. */
static enum status check_frames(const struct space *space, struct frame_run *run, uint64_t *ret_missing,
                                uint64_t *ret_where) {
    if (!range_is_valid(run->at, run->page_count))
        return E_ARG;
    bool one_table = pages_in_table(run->at, run->page_count) == run->page_count;
    run->table = one_table ? arch_table_find(space->root, run->at) : NULL;
    *ret_missing = 0;
    if (run->table != NULL) /* the common case */
        return check_run(run->table, run->at, run->page_count, ret_where);
    *ret_missing = is_large(space, run) ? arch_tables_missing_large(space->root, run->at)
                                        : arch_tables_missing(space->root, run->at, run->page_count);
    return check_empty(space, run->at, run->page_count, ret_where);
}

enum status space_map_frames(struct space *space, struct frame_run *run, uint64_t *ret_where) {
    uint64_t missing;
    enum status status = check_frames(space, run, &missing, ret_where);
    if (status != OK)
        return status;
    if (!pool_has_frames(space->object.pool, missing))
        return E_MEMORY;
    if (!frame_hold_run(run->frame, run->page_count))
        return E_LIMIT;
    write_frames(space, run);
    return OK;
}

/* Does [at, at + count pages), which lies within 2 MiB, cut a large page? */
static bool cuts_large(const struct space *space, uaddr_t at, uint64_t count) {
    return count < TABLE_PAGES && arch_large_find(space->root, at) != NULL;
}

/*
 * Empty the large page before its table takes its place. A CPU that has answered a request waits for the lock, so after
 * the first flush no CPU is in user mode to miss the page.
 */
static void split_large(const struct space *space, uaddr_t at) {
    uaddr_t first = at & ~(uaddr_t)(TABLE_PAGES * PAGE_BYTES - 1);
    request_flush(space->root, first, TABLE_PAGES);
    uint64_t *entry = arch_large_find(space->root, at), table = arch_large_split(entry, space->object.pool);
    request_flush(space->root, first, TABLE_PAGES);
    *entry = table;
}

/*
 * Split the large pages that the run cuts, so that it begins and ends at the edge of a page. Programs can't see a
 * difference. E_MEMORY, and nothing changed: the pool has no memory for the tables. CALL_RESTART: pages were split, or
 * frames cleared, and that was work enough for one stay.
 */
static uint64_t split_edges(struct space *space, uaddr_t at, uint64_t page_count) {
    struct pool *pool = space->object.pool;
    if (space->large_pages == 0)
        return OK;
    uint64_t first_count = pages_in_table(at, page_count);
    uaddr_t last = at + (page_count - 1) * PAGE_BYTES;
    uint64_t last_count = arch_table_index(last) + 1ULL;
    bool first = cuts_large(space, at, first_count);
    bool second = first_count < page_count && cuts_large(space, last, last_count);
    uint64_t tables = (uint64_t)first + (uint64_t)second;
    if (tables == 0)
        return OK;
    if (!pool_prepare(pool, tables))
        return CALL_RESTART;
    if (!pool_has_frames(pool, tables))
        return E_MEMORY;
    space->large_pages -= tables;
    if (first)
        split_large(space, at);
    if (second)
        split_large(space, last);
    return CALL_RESTART;
}

/* Unmap the large page at `at`, if there is one. Returns how many pages that was. */
static uint64_t unmap_large(struct space *space, uaddr_t at) {
    if (arch_large_find(space->root, at) == NULL)
        return 0;
    arch_large_remove(space->root, at, space->object.pool);
    space->large_pages--;
    return TABLE_PAGES;
}

/* Unmap the part of a run that lies in one table. Returns how many pages were mapped. */
static uint64_t unmap_part(struct space *space, uaddr_t at, uint64_t count) {
    uint64_t *table = arch_table_find(space->root, at);
    if (table == NULL)
        return unmap_large(space, at);
    uint64_t removed = arch_entries_clear(table, arch_table_index(at), count);
    if (removed > 0 && arch_table_is_empty(table))
        arch_table_prune(space->root, at, space->object.pool);
    return removed;
}

struct result space_unmap(struct space *space, uaddr_t at, uint64_t page_count) {
    if (!range_is_valid(at, page_count))
        return result(E_ARG);
    uint64_t unmapped = 0, split = split_edges(space, at, page_count);
    uaddr_t start = at;
    if (split != OK)
        return result(split);
    for (uint64_t left = page_count; left > 0;) {
        uint64_t count = pages_in_table(at, left);
        unmapped += unmap_part(space, at, count);
        at += count * PAGE_BYTES;
        left -= count;
    }
    space->mapped_pages -= unmapped;
    if (unmapped > 0)
        request_flush(space->root, start, page_count);
    return result_value(unmapped);
}

/*
 * Check the part of a run that lies in one table, or in one large page: are all pages mapped, and may they have these
 * rights?
 */
static struct result check_protect(const struct space *space, uaddr_t at, uint64_t count, uint64_t rights) {
    const uint64_t *table = arch_table_find(space->root, at);
    const uint64_t *large = table == NULL ? arch_large_find(space->root, at) : NULL;
    if (large != NULL) {
        bool allowed = (arch_entry_limit(*large) & rights) == rights;
        return (struct result){.status = allowed ? OK : E_RIGHTS, .value = allowed ? 0 : at};
    }
    if (table == NULL)
        return (struct result){.status = E_EMPTY, .value = at};
    const uint64_t *entries = table + arch_table_index(at);
    uint64_t common = ~0ULL; /* an empty entry has no bits, so it allows nothing */
    for (uint64_t i = 0; i < count; i++)
        common &= entries[i];
    if (common != 0 && (arch_entry_limit(common) & rights) == rights)
        return result(OK);
    uint64_t found = 0;
    while (entries[found] != 0 && (arch_entry_limit(entries[found]) & rights) == rights)
        found++;
    return (struct result){.status = entries[found] == 0 ? E_EMPTY : E_RIGHTS, .value = at + found * PAGE_BYTES};
}

/*
 * Protect the part of a run that lies in one table or in one large page. All its pages are mapped, and it cuts no large
 * page.
 */
static void protect_part(const struct space *space, uaddr_t at, uint64_t count, uint64_t rights) {
    uint64_t *table = arch_table_find(space->root, at);
    if (table == NULL) {
        arch_entries_protect(arch_large_find(space->root, at), 1, (uint32_t)rights);
        return;
    }
    arch_entries_protect(table + arch_table_index(at), count, (uint32_t)rights);
}

struct result space_protect(struct space *space, uaddr_t at, uint64_t page_count, uint64_t rights) {
    if (!range_is_valid(at, page_count))
        return result(E_ARG);
    uint64_t first_count = pages_in_table(at, page_count); /* a run lies in two tables at most */
    uaddr_t second = at + first_count * PAGE_BYTES;
    struct result checked = check_protect(space, at, first_count, rights);
    if (checked.status == OK && first_count < page_count)
        checked = check_protect(space, second, page_count - first_count, rights);
    if (checked.status == OK)
        checked.status = split_edges(space, at, page_count);
    if (checked.status != OK)
        return checked;
    protect_part(space, at, first_count, rights);
    if (first_count < page_count)
        protect_part(space, second, page_count - first_count, rights);
    request_flush(space->root, at, page_count);
    return result(OK);
}
