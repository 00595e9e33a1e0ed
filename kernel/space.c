#include "kernel/space.h"

#include "kernel/arch.h"
#include "kernel/call.h"
#include "kernel/ledger.h"
#include "kernel/memory.h"
#include "kernel/pool.h"
#include "kernel/string.h"
#include "kernel/table.h"

#define RIGHTS_MASK (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)
#define CACHE_MASK (MAP_UNCACHED | MAP_WRITE_COMBINING)
#define TABLE_PAGES 512U  /* what one last-level table maps */
#define TABLES_PER_RUN 6U /* new tables for one run at most: two of each level below the root */

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

static void release_leaf(uint64_t frame) {
    if (frame_type(frame) == FRAME_USER) /* device memory is not counted */
        frame_release(frame);
}

bool space_reap_step(struct space *space) {
    arch_root_leave(space->root);
    if (arch_table_reap(space->root, space->object.pool, release_leaf))
        return false;
    pool_give_run(space->object.pool, arch_pointer(space->root), 0);
    return true;
}

/* A run of user pages that one call may cover. */
static bool range_is_valid(uaddr_t at, uint64_t page_count) {
    return at % PAGE_BYTES == 0 && page_count > 0 && page_count <= MAP_PAGES_MAX && at >= USER_LOWEST &&
           at < USER_LIMIT && page_count * PAGE_BYTES <= USER_LIMIT - at;
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
    for (uint64_t i = 0; i < count; i++) {
        if (entries[i] != 0) {
            *ret_where = at + i * PAGE_BYTES;
            return E_EXISTS;
        }
    }
    return OK;
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
static bool is_large(const struct space *space, uint64_t frame, uint64_t page_count, uaddr_t at) {
    return page_count == TABLE_PAGES && frame % TABLE_PAGES == 0 && arch_table_index(at) == 0 &&
           arch_table_find(space->root, at) == NULL;
}

static void write_run(uint64_t *table, uaddr_t at, uint64_t count, uint64_t entry) {
    uint64_t *entries = table + arch_table_index(at);
    for (uint64_t i = 0; i < count; i++)
        entries[i] = entry + i * PAGE_BYTES;
    arch_table_add(table, (int32_t)count);
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

/* The run is empty: make the tables that are missing and fill it in, as one large page if it can be one. */
static enum status map_run_entries(struct space *space, uint64_t frame, uint64_t page_count, uaddr_t at,
                                   uint64_t entry) {
    bool large = is_large(space, frame, page_count, at);
    uint32_t missing =
        large ? arch_tables_missing_large(space->root, at) : arch_tables_missing(space->root, at, page_count);
    if (!pool_has_frames(space->object.pool, missing))
        return E_MEMORY;
    space->large_pages += large;
    if (large)
        arch_large_make(space->root, at, entry, space->object.pool);
    else
        map_small(space, page_count, at, entry);
    return OK;
}

enum status space_map_frames(struct space *space, uint64_t frame, uint64_t page_count, uaddr_t at, uint64_t flags,
                             uint32_t limit, uint64_t *ret_where) {
    if (!range_is_valid(at, page_count))
        return E_ARG;
    uint64_t entry = arch_entry_make(frame, flags, limit);
    uint64_t *table = pages_in_table(at, page_count) == page_count ? arch_table_find(space->root, at) : NULL;
    enum status status;
    if (table != NULL) { /* the common case: within one table, which is there */
        status = check_run(table, at, page_count, ret_where);
        if (status == OK)
            write_run(table, at, page_count, entry);
    } else {
        status = check_empty(space, at, page_count, ret_where);
        if (status == OK)
            status = map_run_entries(space, frame, page_count, at, entry);
    }
    if (status != OK)
        return status;
    if (frame < ledger.frame_count && frame_type(frame) == FRAME_USER)
        frame_hold_run(frame, page_count);
    space->mapped_pages += page_count;
    return OK;
}

/* Does [at, at + count pages), which lies within 2 MiB, cut a large page? */
static bool cuts_large(const struct space *space, uaddr_t at, uint64_t count) {
    return count < TABLE_PAGES && arch_large_find(space->root, at) != NULL;
}

/*
 * Make sure that the run begins and ends at the edges of pages: large ones that it cuts are split. E_MEMORY, and nothing
 * changed: the pool has no memory for the tables.
 */
static enum status split_edges(struct space *space, uaddr_t at, uint64_t page_count) {
    if (space->large_pages == 0)
        return OK;
    uint64_t first_count = pages_in_table(at, page_count);
    uaddr_t last = at + (page_count - 1) * PAGE_BYTES;
    uint64_t last_count = arch_table_index(last) + 1ULL;
    bool first = cuts_large(space, at, first_count);
    bool second = first_count < page_count && cuts_large(space, last, last_count);
    if (!pool_has_frames(space->object.pool, (uint64_t)first + (uint64_t)second))
        return E_MEMORY;
    space->large_pages -= (uint64_t)first + (uint64_t)second;
    if (first)
        arch_large_split(space->root, at, space->object.pool);
    if (second)
        arch_large_split(space->root, last, space->object.pool);
    return OK;
}

/* The frames that a map call names, and what may be done with them. */
static enum status find_frames(const struct thread *self, const struct map_run *run, uint64_t *ret_frame,
                               uint32_t *ret_limit) {
    struct cap_slot *slot;
    uint64_t rights = run->flags & RIGHTS_MASK;
    if (!rights_are_valid(rights) || (run->flags & ~(uint64_t)(RIGHTS_MASK | CACHE_MASK)) != 0)
        return E_ARG;
    enum status status = table_find(self, run->memory, OBJECT_MEMORY, (uint32_t)rights, &slot);
    if (status != OK)
        return status;
    uint64_t available = range_count(slot->data);
    if (run->offset_pages > available || run->page_count > available - run->offset_pages ||
        run->page_count > MAP_PAGES_MAX)
        return E_ARG;
    const struct memory *memory = cap_object(slot);
    *ret_frame = range_first(slot->data) + run->offset_pages;
    *ret_limit = cap_rights(slot) & RIGHTS_MASK;
    if (!memory->is_device)
        return (run->flags & CACHE_MASK) != 0 ? E_ARG : memory_check_frames(*ret_frame, run->page_count);
    for (uint64_t i = 0; i < run->page_count; i++) {
        if (frame_type(*ret_frame + i) != FRAME_FIRMWARE)
            return E_BUSY; /* RAM is mapped through its own Memory only */
    }
    return (run->flags & CACHE_MASK) == CACHE_MASK ? E_ARG : OK;
}

static enum status map_run(const struct thread *self, struct space *space, const struct map_run *run,
                           uint64_t *ret_where) {
    uint64_t frame;
    uint32_t limit;
    enum status status = find_frames(self, run, &frame, &limit);
    if (status != OK)
        return status;
    return space_map_frames(space, frame, run->page_count, run->at, run->flags, limit, ret_where);
}

struct result sys_space_map(cap_t space, cap_t memory, uint64_t offset_pages, uint64_t page_count, uaddr_t at,
                            uint64_t flags) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    struct map_run run = {
        .memory = memory, .offset_pages = offset_pages, .page_count = page_count, .at = at, .flags = flags};
    uint64_t where = 0;
    status = map_run(self, cap_object(slot), &run, &where);
    return (struct result){.status = status, .value = where};
}

/* The large page at `at`, if there is one; how many pages that was. */
static uint64_t unmap_large(struct space *space, uaddr_t at) {
    const uint64_t *large = arch_large_find(space->root, at);
    if (large == NULL)
        return 0;
    uint64_t frame = arch_entry_frame(*large);
    for (uint64_t i = 0; i < TABLE_PAGES; i++)
        release_leaf(frame + i);
    arch_large_remove(space->root, at, space->object.pool);
    space->large_pages--;
    return TABLE_PAGES;
}

/* The part of a run that lies in one table; how many pages were there. */
static uint64_t unmap_part(struct space *space, uaddr_t at, uint64_t count) {
    uint64_t *table = arch_table_find(space->root, at);
    if (table == NULL)
        return unmap_large(space, at);
    int32_t removed = 0;
    for (uint64_t i = arch_table_index(at); i < arch_table_index(at) + count; i++) {
        if (table[i] != 0) {
            release_leaf(arch_entry_frame(table[i]));
            table[i] = 0;
            removed++;
        }
    }
    if (removed > 0 && arch_table_add(table, -removed))
        arch_table_prune(space->root, at, space->object.pool);
    return (uint64_t)removed;
}

/* How many pages were there. The run cuts no large page. */
static uint64_t unmap_range(struct space *space, uaddr_t at, uint64_t page_count) {
    uint64_t unmapped = 0;
    uaddr_t start = at;
    for (uint64_t left = page_count; left > 0;) {
        uint64_t count = pages_in_table(at, left);
        unmapped += unmap_part(space, at, count);
        at += count * PAGE_BYTES;
        left -= count;
    }
    space->mapped_pages -= unmapped;
    if (unmapped > 0)
        arch_flush(space, start, page_count);
    return unmapped;
}

/*
 * Several runs at once. On an error those before it are unmapped again, which cannot fail and leaves nothing behind,
 * since their pages were empty; the value is the index of the run that was wrong.
 */
struct result sys_space_map_list(cap_t space, uint64_t run_count) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    if (self->message == NULL)
        return result(E_STATE);
    if (run_count == 0 || run_count > MAP_RUNS_MAX)
        return result(E_ARG);
    struct map_run runs[MAP_RUNS_MAX];
    memory_move(runs, self->message->data, run_count * sizeof(struct map_run));
    struct space *target = cap_object(slot);
    if (!pool_prepare(target->object.pool, run_count * TABLES_PER_RUN))
        return result(CALL_RESTART);
    uint64_t total = 0, where = 0, done = 0;
    while (status == OK && done < run_count) {
        total += runs[done].page_count <= MAP_PAGES_MAX ? runs[done].page_count : MAP_PAGES_MAX + 1;
        status = total > MAP_PAGES_MAX ? E_LIMIT : map_run(self, target, &runs[done], &where);
        done += status == OK;
    }
    if (status == OK)
        return result(OK);
    for (uint64_t i = 0; i < done; i++)
        unmap_range(target, runs[i].at, runs[i].page_count);
    return (struct result){.status = status, .value = done};
}

/* The value is the number of pages that were mapped there; holes are no error. */
struct result sys_space_unmap(cap_t space, uaddr_t at, uint64_t page_count) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    if (!range_is_valid(at, page_count))
        return result(E_ARG);
    status = split_edges(cap_object(slot), at, page_count);
    return status != OK ? result(status) : result_value(unmap_range(cap_object(slot), at, page_count));
}

/* The part of a run that lies in one table, or in one large page: are all pages there, and may they have these rights? */
static struct result check_protect(const struct space *space, uaddr_t at, uint64_t count, uint64_t rights) {
    const uint64_t *table = arch_table_find(space->root, at);
    const uint64_t *large = table == NULL ? arch_large_find(space->root, at) : NULL;
    if (large != NULL) {
        bool allowed = (arch_entry_limit(*large) & rights) == rights;
        return (struct result){.status = allowed ? OK : E_RIGHTS, .value = allowed ? 0 : at};
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t entry = table == NULL ? 0 : table[arch_table_index(at) + i];
        if (entry == 0)
            return (struct result){.status = E_EMPTY, .value = at + i * PAGE_BYTES};
        if ((arch_entry_limit(entry) & rights) != rights)
            return (struct result){.status = E_RIGHTS, .value = at + i * PAGE_BYTES};
    }
    return result(OK);
}

/* The same part, whose pages are all there; it cuts no large page. */
static void protect_part(const struct space *space, uaddr_t at, uint64_t count, uint64_t rights) {
    uint64_t *table = arch_table_find(space->root, at);
    if (table == NULL) {
        uint64_t *large = arch_large_find(space->root, at);
        *large = arch_entry_protect(*large, (uint32_t)rights);
        return;
    }
    for (uint64_t i = arch_table_index(at); i < arch_table_index(at) + count; i++)
        table[i] = arch_entry_protect(table[i], (uint32_t)rights);
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
    arch_flush(target, at, page_count);
    return result(OK);
}

struct result sys_space_query(cap_t space, uaddr_t at) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, space, OBJECT_SPACE, SPACE_QUERY, &slot);
    if (status != OK)
        return result(status);
    if (self->message == NULL)
        return result(E_STATE);
    if (at >= USER_LIMIT)
        return result(E_ARG); /* the kernel half is nobody's business */
    const struct space *target = cap_object(slot);
    struct space_walk walk = {0};
    arch_walk(target->root, at, &walk);
    memory_move(self->message->data, &walk, sizeof(walk));
    uint64_t present = 0;
    while (present < walk.levels && arch_entry_is_present(walk.entry[present]))
        present++;
    return result_value(present);
}

/* The kernel's part of what a handover checks, always in full. */
struct result sys_space_audit(cap_t space) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, space, OBJECT_SPACE, SPACE_QUERY, &slot);
    if (status != OK)
        return result(status);
    if (self->message == NULL)
        return result(E_STATE);
    const struct space *target = cap_object(slot);
    struct audit_failure failure = {0};
    enum audit_check check = arch_audit_root(target->root, self, true, &failure);
    if (check == AUDIT_OK)
        return result(OK);
    failure.check = check;
    memory_move(self->message->data, &failure, sizeof(failure));
    return (struct result){.status = E_AUDIT, .value = check};
}
