/*
 * The pile of dead objects that are not gone yet. Each pool lists its own dead objects, and pools with dead objects lie
 * in a pile. Killing an object puts its pool on top, in a place with a higher number than any place before. Objects
 * that died earlier in other pools lie below that place, and objects that die while this one is taken apart lie above
 * it. So a thread knows that an object it killed is gone when no pool is in that place or above.
 */
#pragma once

#include "kernel/cap/object.h"

/* Lock: kernel lock, for everything here. */

extern uint64_t reaper_place; /* the place on top of the pile; 0: nothing is dead */
static inline bool reaper_is_idle(void) { return reaper_place == 0; }

/* Mark the object as dead, for the reaper. Idempotent. */
void object_kill(struct object *object);

/* For the reaper. */
struct pool *pile_top(void);     /* the pool on top; the pile is not empty */
void pile_up(struct pool *pool); /* put a pool on top */
void pile_lower(void);           /* note that a pool has left the pile */
