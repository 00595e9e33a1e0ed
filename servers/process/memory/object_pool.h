/*
 * A pool of kernel memory that grows: frames of this server's, in a few runs.
 */
#pragma once

#include "libsys/proto/protocol.h"
#include "servers/process/pages/frames.h"

#define OBJECT_POOL_RUNS_MAX 14U /* as it was made, and extensions of twice the size each, up to MAP_PAGES_MAX */

struct object_pool {
    struct memory_run runs[OBJECT_POOL_RUNS_MAX];
    uint32_t run_count;
    cap_t cap;
};

/* Errors: P_NO_MEMORY; P_LIMIT no slot is free; the kernel's. object_pool_destroy clears up. */
MUST_USE uint32_t object_pool_create(struct frames *frames, struct object_pool *pool, uint64_t page_count);

/* Its frames are used up: it gets twice as many as last time. Errors: P_NO_MEMORY; P_LIMIT; the kernel's. */
MUST_USE uint32_t object_pool_grow(struct frames *frames, struct object_pool *pool);

/* All that lies in it goes with it. */
void object_pool_destroy(struct frames *frames, struct object_pool *pool);

uint64_t object_pool_page_count(const struct object_pool *pool);

/* An object in it, in a slot of this server's; it grows if it has to. Errors: P_LIMIT no slot is free; as for object_pool_grow. On
 * failure *ret_slot is 0. */
MUST_USE uint32_t object_pool_make_object(struct frames *frames, struct object_pool *pool, enum object_type type,
                                          uint64_t argument, cap_t *ret_slot);
