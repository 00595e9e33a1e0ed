#include "kernel/memory/space.h"

#include "kernel/arch.h"
#include "kernel/base/ledger.h"
#include "kernel/base/string.h"
#include "kernel/machine/call.h"
#include "kernel/machine/request.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/pool.h"
#include "kernel/run/table.h"

#define RIGHTS_MASK (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)
#define CACHE_MASK (MAP_UNCACHED | MAP_WRITE_COMBINING)
#define TABLE_PAGES 512U   /* what one last-level table maps */
#define TABLES_PER_RUN 6U  /* new tables for one run at most: two of each level below the root */
#define LONG_RUN_PAGES 64U /* from here on a call has memory for tables cleared before it starts */

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

bool space_reap_step(struct space *space) {
    request_leave(space->root);
    if (arch_table_reap(space->root, space->object.pool))
        return false;
    pool_give_run(space->object.pool, arch_pointer(space->root), 0);
    return true;
}

/* A run of user pages that one call may cover. */
static bool range_is_valid(uaddr_t at, uint64_t page_count) {
    return at % PAGE_BYTES == 0 && page_count > 0 && page_count <= MAP_PAGES_MAX && at >= USER_LOWEST &&
           at < USER_LIMIT && page_count * PAGE_BYTES <= USER_LIMIT - at;
}

/* The same for one page, in one comparison: bits that must be zero become the highest. */
static bool page_is_valid(uaddr_t at) {
    uint64_t above = at - USER_LOWEST;
    return (above >> 12 | above << 52) < (USER_LIMIT - USER_LOWEST) / PAGE_BYTES;
}

static bool rights_are_valid(uint64_t rights) {
    uint64_t write_execute = MEMORY_WRITE | MEMORY_EXECUTE;
    return (rights & ~(uint64_t)RIGHTS_MASK) == 0 && (rights & MEMORY_READ) != 0 &&
           (rights & write_execute) != write_execute;
}

/* Pages from `at` to the end of its last-level table, but no more than `left`. */
static uint64_t pages_in_table(uaddr_t at, uint64_t left) {
    uint64_t rest = TABLE_PAGES - arch_table_index(at);
    return rest < left ? rest : left;
}

static bool is_mapped(const struct space *space, uaddr_t page) {
    const uint64_t *table = arch_table_find(space->root, page);
    return table != NULL ? table[arch_table_index(page)] != 0 : arch_large_find(space->root, page) != NULL;
}

/* A run in one table: E_EXISTS and where, if something is mapped there. */
static enum status check_run(const uint64_t *table, uaddr_t at, uint64_t count, uint64_t *ret_where) {
    const uint64_t *entries = table + arch_table_index(at);
    uint64_t any = 0;
    for (uint64_t i = 0; i < count; i++) /* all of them: that is quicker than to ask each time */
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

/* A run that one large page can map. */
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

/* A run whose frames are held, whose pages are empty and whose tables the pool has memory for. */
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

/* Are the run's pages empty, and in *ret_missing, how many tables do they lack? */
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
        return reaper_refuse(space->object.pool);
    if (!frame_hold_run(run->frame, run->page_count))
        return E_LIMIT;
    write_frames(space, run);
    return OK;
}

/* Does [at, at + count pages), which lies within 2 MiB, cut a large page? */
static bool cuts_large(const struct space *space, uaddr_t at, uint64_t count) {
    return count < TABLE_PAGES && arch_large_find(space->root, at) != NULL;
}

/* A CPU that has answered a request waits for the lock, so after the first flush none is in user mode to miss the page. */
static void split_large(const struct space *space, uaddr_t at) {
    uaddr_t first = at & ~(uaddr_t)(TABLE_PAGES * PAGE_BYTES - 1);
    request_flush(space->root, first, TABLE_PAGES);
    uint64_t *entry = arch_large_find(space->root, at), table = arch_large_split(entry, space->object.pool);
    request_flush(space->root, first, TABLE_PAGES);
    *entry = table;
}

/*
 * Make sure that the run begins and ends at the edges of pages: large ones that it cuts are split, which no program can tell.
 * E_MEMORY, and nothing changed: the pool has no memory for the tables. CALL_RESTART: it was work enough for one stay.
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
        return reaper_refuse(pool);
    space->large_pages -= tables;
    if (first)
        split_large(space, at);
    if (second)
        split_large(space, last);
    return CALL_RESTART;
}

/* What a map call asks for: the frames that it names, if the caller may map them so. */
static enum status find_frames(const struct thread *self, const struct map_run *asked, struct frame_run *ret_run) {
    struct cap_slot *slot;
    uint64_t rights = asked->flags & RIGHTS_MASK;
    if (!rights_are_valid(rights) || (asked->flags & ~(uint64_t)(RIGHTS_MASK | CACHE_MASK)) != 0)
        return E_ARG;
    enum status status = table_find(self, asked->memory, OBJECT_MEMORY, (uint32_t)rights, &slot);
    if (status != OK)
        return status;
    uint64_t available = memory_count(slot);
    if (asked->offset_pages > available || asked->page_count > available - asked->offset_pages ||
        asked->page_count > MAP_PAGES_MAX)
        return E_ARG;
    const struct memory *memory = cap_object(slot);
    uint64_t frame = memory_first(slot) + asked->offset_pages;
    *ret_run = (struct frame_run){.frame = frame,
                                  .page_count = asked->page_count,
                                  .at = asked->at,
                                  .flags = asked->flags,
                                  .limit = cap_rights(slot) & RIGHTS_MASK};
    if (!memory->is_device)
        return (asked->flags & CACHE_MASK) != 0 ? E_ARG : memory_check_frames(frame, asked->page_count);
    return (asked->flags & CACHE_MASK) == CACHE_MASK ? E_ARG : memory_check_device(frame, asked->page_count);
}

/*
 * One page of RAM, into a table that is there: what a pager does all day. False: it is not that case, or something is wrong,
 * and the general way does it or finds what.
 */
__attribute__((always_inline)) static inline bool map_page(const struct thread *self, struct space *space, cap_t memory,
                                                           uint64_t offset_pages, uaddr_t at, uint64_t flags) {
    const uint32_t valid =
        1U << MEMORY_READ | 1U << (MEMORY_READ | MEMORY_WRITE) | 1U << (MEMORY_READ | MEMORY_EXECUTE);
    const struct cap_slot *slot = table_look_up(self, memory);
    if (flags > RIGHTS_MASK || (valid >> flags & 1) == 0 ||
        (slot->head & (0xff | flags << 8)) != (OBJECT_MEMORY | flags << 8)) /* the type, and all of these rights */
        return false;
    uint64_t frame = range_first(slot->data) + offset_pages;
    if (offset_pages >= range_count(slot->data) || ((const struct memory *)cap_object(slot))->is_device ||
        frame >= ledger.frame_count || !page_is_valid(at) ||
        !arch_page_add(space->root, at, frame, flags, cap_rights(slot) & RIGHTS_MASK))
        return false;
    space->mapped_pages++;
    return true;
}

/* What sys_space_map leaves; the capability for the space is the right one. */
__attribute__((noinline)) static struct result map_slowly(cap_t space, cap_t memory, uint64_t offset_pages,
                                                          uint64_t page_count, uaddr_t at, uint64_t flags) {
    struct thread *self = caller();
    struct space *target = cap_object(table_slot(self, space));
    struct map_run asked = {
        .memory = memory, .offset_pages = offset_pages, .page_count = page_count, .at = at, .flags = flags};
    struct frame_run run;
    uint64_t where = 0;
    enum status status = find_frames(self, &asked, &run);
    if (status == OK && page_count >= LONG_RUN_PAGES && !pool_prepare(target->object.pool, TABLES_PER_RUN))
        return result(CALL_RESTART);
    if (status == OK)
        status = space_map_frames(target, &run, &where);
    return (struct result){.status = status, .value = where};
}

struct result sys_space_map(cap_t space, cap_t memory, uint64_t offset_pages, uint64_t page_count, uaddr_t at,
                            uint64_t flags) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    if (page_count != 1 || !map_page(self, cap_object(slot), memory, offset_pages, at, flags))
        __attribute__((musttail)) return map_slowly(space, memory, offset_pages, page_count, at, flags);
    return result(OK);
}

/* The large page at `at`, if there is one; how many pages that was. */
static uint64_t unmap_large(struct space *space, uaddr_t at) {
    if (arch_large_find(space->root, at) == NULL)
        return 0;
    arch_large_remove(space->root, at, space->object.pool);
    space->large_pages--;
    return TABLE_PAGES;
}

/* The part of a run that lies in one table; how many pages were there. */
static uint64_t unmap_part(struct space *space, uaddr_t at, uint64_t count) {
    uint64_t *table = arch_table_find(space->root, at);
    if (table == NULL)
        return unmap_large(space, at);
    uint64_t removed = arch_entries_clear(table, arch_table_index(at), count);
    if (removed > 0 && arch_table_is_empty(table))
        arch_table_prune(space->root, at, space->object.pool);
    return removed;
}

/* What sys_space_unmap leaves; the capability is the right one. The value is how many pages were there. */
__attribute__((noinline)) static struct result unmap_slowly(cap_t slot, uaddr_t at, uint64_t page_count) {
    struct space *space = cap_object(table_slot(caller(), slot));
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

static bool runs_meet(const struct frame_run *one, const struct frame_run *other) {
    return one->at < other->at + other->page_count * PAGE_BYTES && other->at < one->at + one->page_count * PAGE_BYTES;
}

/* Can run `index` of a list be mapped after those before it? `*total` and `*missing` sum up their pages and tables. Its
 * frames are held then: the next run may name them, too, and finds one holder more. */
static enum status check_listed(const struct thread *self, const struct space *space, const struct map_run *asked,
                                struct frame_run *runs, uint64_t index, uint64_t *total, uint64_t *missing) {
    uint64_t more, where;
    *total += asked->page_count <= MAP_LIST_PAGES_MAX ? asked->page_count : MAP_LIST_PAGES_MAX + 1;
    if (*total > MAP_LIST_PAGES_MAX)
        return E_LIMIT;
    enum status status = find_frames(self, asked, &runs[index]);
    if (status == OK)
        status = check_frames(space, &runs[index], &more, &where);
    if (status != OK)
        return status;
    for (uint64_t i = 0; i < index; i++) {
        if (runs_meet(&runs[i], &runs[index]))
            return E_EXISTS;
    }
    *missing += more;
    bool fits = pool_has_frames(space->object.pool, *missing);
    return !fits                                                       ? reaper_refuse(space->object.pool)
           : frame_hold_run(runs[index].frame, runs[index].page_count) ? OK
                                                                       : E_LIMIT;
}

enum status space_find_with_page(const struct thread *self, cap_t space, uint32_t rights, struct space **ret_space) {
    struct cap_slot *slot;
    enum status status = table_find(self, space, OBJECT_SPACE, rights, &slot);
    if (status == OK && self->message == NULL)
        status = E_STATE;
    if (status == OK)
        *ret_space = cap_object(slot);
    return status;
}

/* Several runs at once, or none; the value of an error is the index of the run that was wrong. */
struct result sys_space_map_list(cap_t space, uint64_t run_count) {
    struct thread *self = caller();
    struct space *target;
    enum status status = space_find_with_page(self, space, SPACE_MAP, &target);
    if (status != OK)
        return result(status);
    if (run_count == 0 || run_count > MAP_RUNS_MAX)
        return result(E_ARG);
    struct map_run asked[MAP_RUNS_MAX];
    struct frame_run runs[MAP_RUNS_MAX];
    memory_move(asked, self->message->data, run_count * sizeof(struct map_run));
    if (!pool_prepare(target->object.pool, run_count * TABLES_PER_RUN))
        return result(CALL_RESTART);
    uint64_t total = 0, missing = 0;
    for (uint64_t i = 0; i < run_count; i++) {
        status = check_listed(self, target, &asked[i], runs, i, &total, &missing);
        if (status == OK)
            continue;
        for (uint64_t j = 0; j < i; j++)
            frame_release_run(runs[j].frame, runs[j].page_count);
        return (struct result){.status = status, .value = i};
    }
    for (uint64_t i = 0; i < run_count; i++)
        write_frames(target, &runs[i]);
    return result(OK);
}

__attribute__((noinline)) static struct result flush_everywhere(uint64_t root, uaddr_t at, uint64_t page_count) {
    request_flush(root, at, page_count);
    return result_value(page_count);
}

/* The value is the number of pages that were mapped there; holes are no error. */
struct result sys_space_unmap(cap_t space, uaddr_t at, uint64_t page_count) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    struct space *target = cap_object(slot);
    if (page_count != 1 || !page_is_valid(at) || !arch_page_remove(target->root, at))
        __attribute__((musttail)) return unmap_slowly(space, at, page_count);
    target->mapped_pages--; /* one page of RAM, as in map_page */
    if (cpu_total > 1)
        __attribute__((musttail)) return flush_everywhere(target->root, at, 1);
    arch_flush_page(target->root, at);
    return result_value(1);
}

/* The part of a run that lies in one table, or in one large page: are all pages there, and may they have these rights? */
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

/* The same part, whose pages are all there; it cuts no large page. */
static void protect_part(const struct space *space, uaddr_t at, uint64_t count, uint64_t rights) {
    uint64_t *table = arch_table_find(space->root, at);
    if (table == NULL) {
        arch_entries_protect(arch_large_find(space->root, at), 1, (uint32_t)rights);
        return;
    }
    arch_entries_protect(table + arch_table_index(at), count, (uint32_t)rights);
}

/* Rights are checked against what the Memory capability allowed when the page was mapped. */
struct result sys_space_protect(cap_t space, uaddr_t at, uint64_t page_count, uint64_t rights) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    if (!range_is_valid(at, page_count) || !rights_are_valid(rights))
        return result(E_ARG);
    struct space *target = cap_object(slot);
    uint64_t first_count = pages_in_table(at, page_count); /* a run lies in two tables at most */
    uaddr_t second = at + first_count * PAGE_BYTES;
    struct result checked = check_protect(target, at, first_count, rights);
    if (checked.status == OK && first_count < page_count)
        checked = check_protect(target, second, page_count - first_count, rights);
    if (checked.status == OK)
        checked.status = split_edges(target, at, page_count);
    if (checked.status != OK)
        return checked;
    protect_part(target, at, first_count, rights);
    if (first_count < page_count)
        protect_part(target, second, page_count - first_count, rights);
    request_flush(target->root, at, page_count);
    return result(OK);
}
