/*
 * What all kernel objects share.
 *
 * An object lives in memory of the Pool it was made from and is reached through capabilities, which form its derivation
 * list (cap.h). When the last capability goes, or its Pool does, the object dies: the reaper (ending/reaper.h) takes it apart
 * in bounded steps.
 */
#pragma once

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
    uint8_t watched;            /* Endpoint: ipc/watch.h wants to hear of removals */
    uint32_t size_bytes;        /* what the pool handed out */
} __attribute__((aligned(16))); /* for the frame that follows in a thread, which the CPU writes */
