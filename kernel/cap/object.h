/*
 * The part that all kernel objects have in common.
 *
 * An object lives in memory of the Pool it was made from and is reached through capabilities, which form its derivation
 * list (cap.h). When the last capability goes, or its Pool does, the object dies: the reaper (ending/reaper.h) takes it
 * apart in bounded steps.
 */
#pragma once

#include "kernel/abi/syscall.h"
#include "kernel/base/list.h"

struct cap_slot;
struct pool;

/* The first member of every kind of object, so that a pointer to it is a pointer to the object. */
struct object {
    struct cap_slot *first_cap; /* the derivation list; NULL: none, the object is dying or not yet published */
    struct pool *pool;          /* the pool that paid; NULL: made at boot, never dies */
    struct list_node in_pool;   /* pool->objects; dying: pool->dying; a pool itself: all_pools */
    struct cap_slot *adjust_at; /* first slot whose depth is to be corrected (cap.c); NULL: none, as when dying */
    uint16_t adjust_depth;      /* the orphans' new depth; the first slot no deeper than this ends the correction */
    uint16_t adjust_cut;        /* depth of the last orphan seen */
    uint8_t type;               /* enum object_type */
    uint8_t dying;
    uint8_t watched;            /* Endpoint: removals are reported to ipc/watch.h */
    uint32_t size_bytes;        /* as the pool handed out */
} __attribute__((aligned(16))); /* in a thread a frame follows, which the CPU writes */
