/*
 * Pools: kernel memory that a user paid for. Every object and page table comes from one.
 *
 *   struct pool  (in the first frame of the first chunk)
 *     chunks                               runs of frames as users gave them; handed out front to back
 *     runs[k] -> free run of 2^k frames    frames given back, joined with their buddies; zero except two links
 *     slabs[c] -> slab -> slab             frames cut into pieces of one size, if a piece is free
 *     objects                              all living objects of the pool
 */
#pragma once

#include "kernel/base/ledger.h"
#include "kernel/cap/object.h"

#define POOL_RUN_ORDERS 8U /* runs of 1, 2, 4, ... 128 frames: a Table of TABLE_SLOTS_MAX slots */
#define POOL_SLAB_CLASSES 5U
#define POOL_PIECE_MIN 64U /* bytes; classes of 64, 128, ... 1024; above that, whole frames */

struct pool_chunk {
    struct pool_chunk *next_open; /* the next chunk with frames that were never handed out */
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
    struct list dying;       /* dying objects that were made from it */
    struct list_node reaped; /* on the reaper's pile, if the pool or an object of it is dying */
    uint64_t reaper_place;   /* ending/pile.h */
    uint64_t frame_count;    /* all chunks */
    uint64_t free_frames;    /* in chunks and runs */
    uint64_t used_bytes;     /* in runs and pieces handed out, without the pool's bookkeeping */
    uint64_t log_paid_ns;    /* pool_pays_log() */
    uint64_t log_lost_bytes; /* not yet reported in the log */
    uint64_t chunk_count;
    struct pool_chunk chunks[POOL_CHUNKS_MAX]; /* in order of arrival */
};
_Static_assert(sizeof(struct pool) <= PAGE_BYTES, "the header has a frame");

/* Lock: kernel lock, for everything here. All memory handed out is zeroed. */

/* Start the life of `object`, zeroed memory of `size_bytes` from `pool`. `pool` NULL: made at boot, never dies. */
void object_init(struct object *object, enum object_type type, struct pool *pool, uint32_t size_bytes);

/*
 * Make a pool of frames [first, first + count): RAM of type USER without holders (the caller has checked it). The
 * bookkeeping takes the first frame. The caller's cap_set_first publishes the pool.
 */
struct pool *pool_make(uint64_t first_frame, uint64_t frame_count);

/*
 * Clear frames in advance, until the next `frame_count` are clear, or all that there are. True: they were clear
 * already. False: this call has cleared some; call again, after interrupts had their chance. Call it before taking many
 * frames at once; taking a few is quick enough.
 */
bool pool_prepare(struct pool *pool, uint64_t frame_count);
#define POOL_PREPARE_FRAMES 8U /* cleared in one go */

/* Take 2^order contiguous frames, as `type` FRAME_OBJECT or FRAME_TABLE. NULL: the pool has none. */
void *pool_take_run(struct pool *pool, uint32_t order, enum frame_type type);
void pool_give_run(struct pool *pool, void *run, uint32_t order);
/* Take a page table. It can't fail: call after pool_has_frames has said that there are enough. */
void *pool_take_table(struct pool *pool);
/* Give back whole frames that are already zero: an empty page table, the slots of a dead Table. */
void pool_give_cleared(struct pool *pool, void *run, uint32_t bytes);

/* Take at least `bytes` (at most 32 pages): a piece or, above 1024 bytes, a run. NULL: the pool has none. */
void *pool_take(struct pool *pool, uint32_t bytes);
void pool_give(struct pool *pool, void *memory, uint32_t bytes);

/* Are there this many single frames? */
bool pool_has_frames(const struct pool *pool, uint64_t count);

/* With -Dchecks, for tests: the nth request from now fails, once. 0: none. */
extern uint64_t pool_refuse_at;

/* Add frames, under the same conditions as pool_make. E_LIMIT: POOL_CHUNKS_MAX. */
MUST_USE enum status pool_grow(struct pool *pool, uint64_t first_frame, uint64_t frame_count);

/*
 * Do one bounded step of giving a dead pool's frames back to the users, cleared. Nothing may live in the pool any more.
 * The last step takes the pool off its lists, and it is gone.
 */
void pool_dissolve_step(struct pool *pool);
#define POOL_DISSOLVE_FRAMES 8U /* frames a step */

/*
 * How much the programs of one pool may log: this much at once, and spent bytes come back one by one. It leaves some of
 * the ring to others, and is enough for a dozen crash reports in a row.
 */
#define LOG_ALLOWANCE_BYTES 12288U
#define LOG_LINE_BYTES 32U     /* cost of a line besides its text */
#define LOG_BYTE_NS 1000000ULL /* some 1,000 bytes a second: a tenth of what a serial port takes */

/*
 * Charge `pool` for a line of `length_bytes` that a program of it causes. False: its allowance doesn't cover it. The
 * caller drops the line then, and the next one says how many bytes were lost.
 */
MUST_USE bool pool_pays_log(struct pool *pool, uint64_t length_bytes);
