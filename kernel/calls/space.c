#include "kernel/memory/space.h"

#include "kernel/base/tail.h"
#include "kernel/ending/reaper.h"
#include "kernel/machine/call.h"
#include "kernel/machine/request.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/pool.h"
#include "kernel/run/table.h"

#define CACHE_MASK (MAP_UNCACHED | MAP_WRITE_COMBINING)
#define TABLES_PER_RUN 6U  /* the most new tables for one call: two of each level below the root */
#define LONG_RUN_PAGES 64U /* from this length on, memory for tables is cleared before the call starts */

/* E_MEMORY is final only if the pool has no dead objects: their memory comes back. */
static enum status refuse(const struct space *space, enum status status) {
    return status == E_MEMORY ? reaper_refuse(space->object.pool) : status;
}

/* Find the frames that a map call names, for a run with `page_count` and `flags`, if the caller may map them so. */
static enum status find_frames(const struct thread *self, cap_t memory, uint64_t offset_pages, struct frame_run *run) {
    struct cap_slot *slot;
    uint64_t rights = run->flags & RIGHTS_MASK;
    if (!space_rights_are_valid(rights) || (run->flags & ~(uint64_t)(RIGHTS_MASK | CACHE_MASK)) != 0)
        return E_ARG;
    enum status status = table_find(self, memory, OBJECT_MEMORY, (uint32_t)rights, &slot);
    if (status != OK)
        return status;
    uint64_t available = memory_count(slot);
    if (offset_pages > available || run->page_count > available - offset_pages || run->page_count > MAP_PAGES_MAX)
        return E_ARG;
    run->frame = memory_first(slot) + offset_pages;
    run->limit = cap_rights(slot) & RIGHTS_MASK;
    if (!((const struct memory *)cap_object(slot))->is_device)
        return (run->flags & CACHE_MASK) != 0 ? E_ARG : memory_check_frames(run->frame, run->page_count);
    return (run->flags & CACHE_MASK) == CACHE_MASK ? E_ARG : memory_check_device(run->frame, run->page_count);
}

/*
 * May a page be mapped at this address? One comparison decides: the rotation moves the low 12 bits, which must be zero,
 * to the top, where any of them makes the number too large.
 */
static bool page_is_valid(uaddr_t at) {
    uint64_t above = at - USER_LOWEST;
    return (above >> 12 | above << 52) < (USER_LIMIT - USER_LOWEST) / PAGE_BYTES;
}

/*
 * Map one page of RAM into an existing table: the common case of a pager. False, and nothing changed: it is another
 * case or an error; map_any handles both.
 */
__attribute__((always_inline)) static inline bool map_quick(const struct thread *self, struct space *space,
                                                            cap_t memory, uint64_t offset_pages, uaddr_t at,
                                                            uint64_t flags) {
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

/* Any case of sys_space_map, and its errors. The capability for the space was checked. */
NOT_INLINE static struct result map_any(cap_t space, cap_t memory, uint64_t offset_pages, uint64_t page_count,
                                        uaddr_t at, uint64_t flags) {
    struct thread *self = caller();
    struct space *target = cap_object(table_slot(self, space));
    struct frame_run run = {.page_count = page_count, .at = at, .flags = flags};
    uint64_t where = 0;
    enum status status = find_frames(self, memory, offset_pages, &run);
    if (status == OK && page_count >= LONG_RUN_PAGES && !pool_prepare(target->object.pool, TABLES_PER_RUN))
        return result(CALL_RESTART);
    if (status == OK)
        status = refuse(target, space_map_frames(target, &run, &where));
    return (struct result){.status = status, .value = where};
}

struct result sys_space_map(cap_t space, cap_t memory, uint64_t offset_pages, uint64_t page_count, uaddr_t at,
                            uint64_t flags) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    if (page_count != 1 || !map_quick(self, cap_object(slot), memory, offset_pages, at, flags))
        JUMP_TO(map_any(space, memory, offset_pages, page_count, at, flags));
    return result(OK);
}

/* Any case of sys_space_unmap. The capability was checked. */
NOT_INLINE static struct result unmap_any(cap_t slot, uaddr_t at, uint64_t page_count) {
    struct space *space = cap_object(table_slot(caller(), slot));
    struct result unmapped = space_unmap(space, at, page_count);
    unmapped.status = refuse(space, (enum status)unmapped.status);
    return unmapped;
}

NOT_INLINE static struct result flush_everywhere(uint64_t root, uaddr_t at, uint64_t page_count) {
    request_flush(root, at, page_count);
    return result_value(page_count);
}

/* The value is the number of pages that were mapped; holes are no error. */
struct result sys_space_unmap(cap_t space, uaddr_t at, uint64_t page_count) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    struct space *target = cap_object(slot);
    if (page_count != 1 || !page_is_valid(at) || !arch_page_remove(target->root, at))
        JUMP_TO(unmap_any(space, at, page_count));
    target->mapped_pages--; /* one page of RAM, as in map_quick */
    if (cpu_total > 1)
        JUMP_TO(flush_everywhere(target->root, at, 1));
    arch_flush_page(target->root, at);
    return result_value(1);
}

/* Rights are checked against those that the Memory capability allowed when it mapped the page. */
struct result sys_space_protect(cap_t space, uaddr_t at, uint64_t page_count, uint64_t rights) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), space, OBJECT_SPACE, SPACE_MAP, &slot);
    if (status != OK)
        return result(status);
    if (!space_rights_are_valid(rights))
        return result(E_ARG);
    struct space *target = cap_object(slot);
    struct result changed = space_protect(target, at, page_count, rights);
    changed.status = refuse(target, (enum status)changed.status);
    return changed;
}
