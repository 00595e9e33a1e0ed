/*
 * What all kernel objects share, and how they end.
 *
 * An object lives in memory of the Pool it was made from and is reached through capabilities, which form its derivation
 * list (cap.h). When the last capability goes, or its Pool does, the object dies: the reaper takes it apart in bounded
 * steps.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "kernel/list.h"

struct cap_slot;
struct pool;

/* The first member of every kind of object, so that one pointer serves for both. */
struct object {
    struct cap_slot *first_cap; /* the derivation list; NULL: none, the object is dying or not yet published */
    struct pool *pool;          /* who paid; NULL: made at boot, never dies */
    struct list_node in_pool;   /* pool->objects; a pool itself: all_pools */
    struct object *reap_next;   /* the reaper's queue */
    struct cap_slot *adjust_at; /* deletions left depths to correct from here on (cap.c); NULL: none, as when dying */
    uint16_t adjust_depth;      /* ... until one is no deeper than this, which is what the orphans' becomes */
    uint16_t adjust_cut;        /* depth of the last orphan seen */
    uint8_t type;               /* enum object_type */
    uint8_t dying;
    uint8_t waiting; /* Pool, dying: for its objects, and not on the reaper's queue until the last of them is gone */
    uint8_t watched; /* Endpoint: watch.h wants to hear of removals */
    uint32_t size_bytes; /* what the pool handed out */
};

/* Lock: kernel lock, for everything here. */

/* Start the life of `object`, zeroed memory of `size_bytes` from `pool`. */
void object_init(struct object *object, enum object_type type, struct pool *pool, uint32_t size_bytes);

/* The object is to be taken apart. Idempotent. */
void object_kill(struct object *object);

/*
 * Take dead objects apart: one step, and as many more as fit into `budget`. True when none is left. Any thread may do
 * another's work here, and an idle CPU does: what a killed thread left behind does not wait for it.
 */
bool reaper_run_some(uint32_t budget);
extern struct object *reaper_first;                                      /* of its queue */
static inline bool reaper_is_idle(void) { return reaper_first == NULL; } /* nothing is dead */
static inline bool reaper_run(uint32_t budget) { return reaper_is_idle() || reaper_run_some(budget); }

#define REAPER_BUDGET 64U /* of one stay, in units of about 100 instructions */
#define STEPS_MAX 8U      /* corrections of a list (cap.h) in one stay, or capabilities revoked */
