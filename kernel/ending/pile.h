/*
 * What is dead and not gone yet. Dead objects lie with their pools, and pools with something dead lie in a pile. A kill puts its pool on top, in a place whose
 * number is higher than any that was given before. What died earlier in other pools lies below that place, and what dies when this
 * is taken apart lies above it. So a thread waits for the end of what it killed until no pool is in that place or above.
 */
#pragma once

#include "kernel/cap/object.h"

/* Lock: kernel lock, for everything here. */

extern uint64_t reaper_place; /* the one on top of the pile; 0: nothing is dead */
static inline bool reaper_is_idle(void) { return reaper_place == 0; }

/* The object is to be taken apart. Idempotent. */
void object_kill(struct object *object);

/* For the reaper. The pool on top, if there is one; a pool goes there; a pool has left the pile. */
struct pool *pile_top(void);
void pile_up(struct pool *pool);
void pile_lower(void);
