#include "kernel/memory/memory.h"

#include "kernel/base/string.h"
#include "kernel/machine/call.h"
#include "kernel/memory/pool.h"
#include "kernel/run/table.h"

/* Is [offset, offset + count) within `limit`? Computed without overflow. */
static bool in_range(uint64_t offset, uint64_t count, uint64_t limit) {
    return offset <= limit && count <= limit - offset;
}

struct result sys_memory_derive(cap_t memory, uint64_t offset_pages, uint64_t page_count, cap_t slot, uint64_t rights) {
    struct thread *self = caller();
    struct cap_slot *source, *to;
    enum status status = table_find(self, memory, OBJECT_MEMORY, 0, &source);
    if (status == OK)
        status = table_find_empty(self, slot, &to);
    if (status == OK)
        status = cap_can_derive(source);
    if (status == OK && (page_count == 0 || !in_range(offset_pages, page_count, memory_count(source))))
        status = E_ARG;
    if (status != OK)
        return result(status);
    uint64_t range = memory_pack(cap_object(source), memory_first(source) + offset_pages, page_count);
    if (range == 0)
        return result(E_ARG);
    if (!cap_settle(cap_object(source), STEPS_MAX))
        return result(CALL_RESTART);
    cap_derive(to, source, cap_rights(source) & (uint32_t)rights, range);
    return result(OK);
}

/* Find bytes [offset, offset + length) of a capability for RAM, in frames that a user may have. */
static enum status find_bytes(const struct thread *self, cap_t memory, uint32_t rights, uint64_t offset_bytes,
                              uint64_t length_bytes, uint64_t *ret_physical) {
    struct cap_slot *slot;
    enum status status = table_find(self, memory, OBJECT_MEMORY, rights, &slot);
    if (status != OK)
        return status;
    if (memory_is_device(slot))
        return E_TYPE;
    if (length_bytes == 0 || length_bytes > BYTES_MAX ||
        !in_range(offset_bytes, length_bytes, range_count(slot->data) * PAGE_BYTES))
        return E_ARG;
    *ret_physical = range_first(slot->data) * PAGE_BYTES + offset_bytes;
    uint64_t first = *ret_physical / PAGE_BYTES, last = (*ret_physical + length_bytes - 1) / PAGE_BYTES;
    return memory_check_frames(first, last - first + 1);
}

struct result sys_memory_fill(cap_t memory, uint64_t offset_bytes, uint64_t length_bytes, uint64_t pattern) {
    uint64_t physical;
    if (offset_bytes % 8 != 0 || length_bytes % 8 != 0)
        return result(E_ARG);
    enum status status = find_bytes(caller(), memory, MEMORY_WRITE, offset_bytes, length_bytes, &physical);
    if (status != OK)
        return result(status);
    memory_fill_words(arch_pointer(physical), pattern, length_bytes);
    return result(OK);
}

struct result sys_memory_copy(cap_t to, uint64_t to_offset_bytes, cap_t from, uint64_t from_offset_bytes,
                              uint64_t length_bytes) {
    uint64_t to_physical, from_physical;
    struct thread *self = caller();
    enum status status = find_bytes(self, to, MEMORY_WRITE, to_offset_bytes, length_bytes, &to_physical);
    if (status == OK)
        status = find_bytes(self, from, MEMORY_READ, from_offset_bytes, length_bytes, &from_physical);
    if (status != OK)
        return result(status);
    if (to_physical < from_physical + length_bytes && from_physical < to_physical + length_bytes)
        return result(E_ARG); /* the two overlap */
    memory_move(arch_pointer(to_physical), arch_pointer(from_physical), length_bytes);
    return result(OK);
}

/*
 * Find frames to become kernel memory: RAM without holders. The value of E_BUSY is the number of holders of the first
 * frame that has any.
 */
static struct result find_pool_frames(const struct thread *self, cap_t memory, uint64_t offset_pages,
                                      uint64_t page_count, uint64_t *ret_first) {
    struct cap_slot *slot;
    enum status status = table_find(self, memory, OBJECT_MEMORY, MEMORY_POOL, &slot);
    if (status != OK)
        return result(status);
    if (memory_is_device(slot))
        return result(E_TYPE);
    if (page_count == 0 || page_count > MAP_PAGES_MAX || !in_range(offset_pages, page_count, range_count(slot->data)))
        return result(E_ARG);
    *ret_first = range_first(slot->data) + offset_pages;
    uint64_t found = frame_find_held(*ret_first, page_count);
    if (found == page_count)
        return result(OK);
    bool is_user = frame_type(*ret_first + found) == FRAME_USER;
    return (struct result){.status = E_BUSY, .value = is_user ? frame_count(*ret_first + found) : 0};
}

struct result sys_pool_create(cap_t memory, uint64_t offset_pages, uint64_t page_count, cap_t slot) {
    struct thread *self = caller();
    struct cap_slot *to;
    enum status status = table_find_empty(self, slot, &to);
    if (status != OK)
        return result(status);
    uint64_t first;
    struct result found = find_pool_frames(self, memory, offset_pages, page_count, &first);
    if (found.status != OK)
        return found;
    struct pool *pool = pool_make(first, page_count);
    cap_set_first(to, &pool->object, RIGHTS_ALL, 0);
    return result(OK);
}

struct result sys_pool_extend(cap_t pool, cap_t memory, uint64_t offset_pages, uint64_t page_count) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, pool, OBJECT_POOL, POOL_EXTEND, &slot);
    if (status != OK)
        return result(status);
    uint64_t first;
    struct result found = find_pool_frames(self, memory, offset_pages, page_count, &first);
    return found.status != OK ? found : result(pool_grow(cap_object(slot), first, page_count));
}
