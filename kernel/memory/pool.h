/*
 * Pools: kernel memory that a user paid for. Every object and page table comes from one.
 *
 *   struct pool  (in the first frame of the first chunk)
 *     chunks                               runs of frames as they were given; handed out front to back
 *     runs[k] -> free run of 2^k frames    what came back, joined with its buddy; zero but for the links at its start
 *     slabs[c] -> slab -> slab             frames cut into pieces of one size, those with a free piece
 *     objects                              everything that is alive in the pool
 */
#pragma once

#include "kernel/base/ledger.h"
#include "kernel/cap/object.h"

#define POOL_RUN_ORDERS 8U /* runs of 1, 2, 4, ... 128 frames: a Table of TABLE_SLOTS_MAX slots */
#define POOL_SLAB_CLASSES 5U
#define POOL_PIECE_MIN 64U /* bytes; classes of 64, 128, ... 1024; above that, whole frames */

struct pool_chunk {
    struct pool_chunk *next_open; /* of those with frames that were never handed out */
    uint64_t first_frame;
    uint64_t frame_count;
    uint64_t used;    /* frames handed out from its front */
    uint64_t cleared; /* frames from its front that have been cleared; at least `used` */
};

extern struct list all_pools; /* object.in_pool: a pool is in no pool, but in this list */

struct pool_run; /* a free run */
struct pool_slab;

struct pool {
    struct object object;
    struct pool_chunk *open; /* chunks with frames that were never handed out, newest first */
    struct pool_run *runs[POOL_RUN_ORDERS];
    struct pool_slab *slabs[POOL_SLAB_CLASSES];
    struct list objects;
    struct list dying;       /* made from it, no longer among those, and not gone yet */
    struct list_node reaped; /* the reaper's pile, if it is dying, or any of those is */
    uint64_t reaper_place;   /* ending/pile.h */
    uint64_t frame_count;    /* all chunks */
    uint64_t free_frames;    /* not handed out, in chunks and runs */
    uint64_t used_bytes;     /* runs and pieces handed out, without the pool's own bookkeeping */
    uint64_t log_paid_ns;    /* pool_pays_log() */
    uint64_t log_lost_bytes; /* that the log has not said yet */
    uint64_t chunk_count;
    struct pool_chunk chunks[POOL_CHUNKS_MAX]; /* in the order in which they came */
};
_Static_assert(sizeof(struct pool) <= PAGE_BYTES, "the header has a frame");

/* Lock: kernel lock, for everything here. All memory handed out is zeroed. */

/* Start the life of `object`, zeroed memory of `size_bytes` from `pool`. NULL: boot's, which never ends. */
void object_init(struct object *object, enum object_type type, struct pool *pool, uint32_t size_bytes);

/*
 * Make a pool of frames [first, first + count): RAM of type USER that nobody holds (the caller has checked it). The
 * bookkeeping takes the first frame. Published by the caller's cap_set_first.
 */
struct pool *pool_make(uint64_t first_frame, uint64_t frame_count);

/*
 * Have `frame_count` more frames cleared, if there are that many. False: more are to be cleared; call again, after
 * interrupts had their chance. What needs many frames at once calls it first; for few, taking them is quick enough.
 */
bool pool_prepare(struct pool *pool, uint64_t frame_count);
#define POOL_PREPARE_FRAMES 8U /* cleared in one go */

/* 2^order contiguous frames, as `type` FRAME_OBJECT or FRAME_TABLE; NULL: not there. */
void *pool_take_run(struct pool *pool, uint32_t order, enum frame_type type);
void pool_give_run(struct pool *pool, void *run, uint32_t order);
/* A page table, after pool_has_frames has said that there are enough: does not fail. */
void *pool_take_table(struct pool *pool);
/* Whole frames that are all zero already: an empty page table, the slots of a dead Table. */
void pool_give_cleared(struct pool *pool, void *run, uint32_t bytes);

/* A piece or, above 1024 bytes, a run of at least `bytes`; NULL: not there. `bytes` <= 32 pages. */
void *pool_take(struct pool *pool, uint32_t bytes);
void pool_give(struct pool *pool, void *memory, uint32_t bytes);

/* Will this many single frames be there? */
bool pool_has_frames(const struct pool *pool, uint64_t count);

/* With -Dchecks, for tests: the request that is the so-manieth from now fails, once. 0: none. */
extern uint64_t pool_refuse_at;

/* Add frames, under the same conditions as pool_make. E_LIMIT: POOL_CHUNKS_MAX. */
MUST_USE enum status pool_grow(struct pool *pool, uint64_t first_frame, uint64_t frame_count);

/*
 * One bounded step of giving a dead pool's frames, in which nothing lives any more, back to the users, cleared. The last one
 * takes the pool itself off its lists, and it is gone.
 */
void pool_dissolve_step(struct pool *pool);
#define POOL_DISSOLVE_FRAMES 8U /* frames a step */

/* What the programs of one pool may write: so much at once, which comes back byte by byte. It leaves some of the ring to others,
 * and is enough for a dozen reports of crashes in a row. */
#define LOG_ALLOWANCE_BYTES 12288U
#define LOG_LINE_BYTES 32U     /* what a line costs besides its text */
#define LOG_BYTE_NS 1000000ULL /* some 1,000 bytes a second: a tenth of what a serial port takes */

/*
 * A program of this pool causes a line with so much text. False: there is no allowance left for it. The line is lost then, and
 * the next one says how much was.
 */
MUST_USE bool pool_pays_log(struct pool *pool, uint64_t length_bytes);
