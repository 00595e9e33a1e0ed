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
#include "kernel/base/list.h"

struct cap_slot;
struct pool;

/* The first member of every kind of object, so that one pointer serves for both. */
struct object {
    struct cap_slot *first_cap; /* the derivation list; NULL: none, the object is dying or not yet published */
    struct pool *pool;          /* who paid; NULL: made at boot, never dies */
    struct list_node in_pool;   /* pool->objects; dying: pool->dying; a pool itself: all_pools */
    struct cap_slot *adjust_at; /* deletions left depths to correct from here on (cap.c); NULL: none, as when dying */
    uint16_t adjust_depth;      /* ... until one is no deeper than this, which is what the orphans' becomes */
    uint16_t adjust_cut;        /* depth of the last orphan seen */
    uint8_t type;               /* enum object_type */
    uint8_t dying;
    uint8_t watched;            /* Endpoint: watch.h wants to hear of removals */
    uint32_t size_bytes;        /* what the pool handed out */
} __attribute__((aligned(16))); /* for the frame that follows in a thread, which the CPU writes */

/* Lock: kernel lock, for everything here. */

/* Start the life of `object`, zeroed memory of `size_bytes` from `pool`. */
void object_init(struct object *object, enum object_type type, struct pool *pool, uint32_t size_bytes);

/* The object is to be taken apart. Idempotent. */
void object_kill(struct object *object);

/*
 * Dead objects lie with their pools, and pools with something dead lie in a pile. A kill puts its pool on top, in a place whose
 * number is higher than any that was given before. What died earlier in other pools lies below that place, and what dies when this
 * is taken apart lies above it. So a thread waits for the end of what it killed until no pool is in that place or above.
 */

extern uint64_t reaper_place; /* the one on top of the pile; 0: nothing is dead */

/*
 * Take dead objects apart, the top pool's first: one step, and as many more as fit into `budget`, down to `place`, which is 1 or
 * more. True when the pile does not reach to that place any more. Any thread may do another's work here, and an idle CPU does:
 * what a killed thread left behind does not wait for it. So does the timer of a busy CPU (timer.h).
 */
bool reaper_run_to(uint64_t place, uint32_t budget);
static inline bool reaper_is_idle(void) { return reaper_place == 0; } /* nothing is dead */
static inline bool reaper_run(uint32_t budget) { return reaper_run_to(1, budget); }

/* `pool` had not enough memory. E_MEMORY; or CALL_RESTART, if something is dead in it, of which one step has been done now. */
enum status reaper_refuse(struct pool *pool);

#define REAPER_BUDGET 64U /* of one stay, in units of about 100 instructions */
#define STEPS_MAX 8U      /* corrections of a list (cap.h) in one stay, or capabilities revoked */
