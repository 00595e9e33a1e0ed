#include "servers/process/memory/object_pool.h"

#include "kernel/abi/system.h"
#include "libsys/program/program.h"

/* Add a run of `wanted` frames, or of as many as there are in a row, but at least `least`. */
static uint32_t add_frames(struct frames *frames, struct object_pool *pool, uint64_t wanted, uint64_t least) {
    if (pool->run_count == OBJECT_POOL_RUNS_MAX)
        return P_LIMIT;
    if (!frames_take_for_pool(frames, wanted, least, &pool->runs[pool->run_count]))
        return P_NO_MEMORY;
    pool->run_count++;
    return OK;
}

uint32_t object_pool_create(struct frames *frames, struct object_pool *pool, uint64_t page_count) {
    uint32_t status = add_frames(frames, pool, page_count, page_count);
    if (status != OK)
        return status;
    pool->cap = slot_take();
    if (pool->cap == 0)
        return P_LIMIT;
    const struct memory_run *run = &pool->runs[0];
    return (uint32_t)sys_pool_create(run->memory, run->offset_pages, run->page_count, pool->cap).status;
}

uint32_t object_pool_grow(struct frames *frames, struct object_pool *pool) {
    uint64_t wanted = pool->runs[0].page_count << pool->run_count;
    uint32_t status = add_frames(frames, pool, wanted < MAP_PAGES_MAX ? wanted : MAP_PAGES_MAX, 1);
    if (status != OK)
        return status;
    const struct memory_run *more = &pool->runs[pool->run_count - 1];
    status = (uint32_t)sys_pool_extend(pool->cap, more->memory, more->offset_pages, more->page_count).status;
    if (status != OK) {
        frames_give(frames, more);
        pool->run_count--;
    }
    return status;
}

void object_pool_destroy(struct frames *frames, struct object_pool *pool) {
    slot_drop(&pool->cap);
    for (uint32_t i = 0; i < pool->run_count; i++)
        frames_give(frames, &pool->runs[i]);
    pool->run_count = 0;
}

void object_pool_count(struct frames *frames, struct object_pool *pool) {
    if (pool->run_count > 1 && /* the first made the pool */
        sys_system_info(INFO_POOL_BYTES, pool->cap).value < object_pool_page_count(pool) * PAGE_BYTES)
        pool->run_count--; /* it had not been added yet */
    for (uint32_t i = 0; i < pool->run_count; i++)
        frames_reserve(frames, &pool->runs[i]);
}

uint64_t object_pool_page_count(const struct object_pool *pool) {
    uint64_t pages = 0;
    for (uint32_t i = 0; i < pool->run_count; i++)
        pages += pool->runs[i].page_count;
    return pages;
}

uint32_t object_pool_make_object(struct frames *frames, struct object_pool *pool, enum object_type type,
                                 uint64_t argument, cap_t *ret_slot) {
    *ret_slot = slot_take();
    if (*ret_slot == 0)
        return P_LIMIT;
    for (;;) {
        uint32_t status = (uint32_t)sys_object_create(pool->cap, type, argument, *ret_slot).status;
        if (status == OK)
            return OK;
        if (status == E_MEMORY)
            status = object_pool_grow(frames, pool);
        if (status != OK) {
            slot_drop(ret_slot);
            return status;
        }
    }
}
