/*
 * A pool of kernel memory that can grow, made of a few runs of this server's frames.
 */
#pragma once

#include "libsys/wire/protocol.h"
#include "servers/process/pages/frames.h"

#define OBJECT_POOL_RUNS_MAX 14U /* the first, and extensions of twice the size each, up to MAP_PAGES_MAX */

struct object_pool {
    struct memory_run runs[OBJECT_POOL_RUNS_MAX];
    uint32_t run_count;
    cap_t cap;
};

/*
 * Make a pool. Errors: P_NO_MEMORY; P_LIMIT no slot is free; the kernel's. On errors, too, object_pool_destroy clears
 * up.
 */
MUST_USE uint32_t object_pool_create(struct frames *frames, struct object_pool *pool, uint64_t page_count);

/* Extend a pool by twice as many frames as last time. Errors: P_NO_MEMORY; P_LIMIT; the kernel's. */
MUST_USE uint32_t object_pool_grow(struct frames *frames, struct object_pool *pool);

/* Destroy a pool and all objects in it. */
void object_pool_destroy(struct frames *frames, struct object_pool *pool);

/* In place of a program that has died: count the pool's frames. */
void object_pool_count(struct frames *frames, struct object_pool *pool);

uint64_t object_pool_page_count(const struct object_pool *pool);

/*
 * Make an object in the pool, in a slot of this server; the pool grows if it has to.
 * Errors: P_LIMIT no slot is free; those of object_pool_grow; *ret_slot is 0 then.
 */
MUST_USE uint32_t object_pool_make_object(struct frames *frames, struct object_pool *pool, enum object_type type,
                                          uint64_t argument, cap_t *ret_slot);
