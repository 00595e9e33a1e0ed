/*
 * The frame allocator: which frames of this server's memory are free, and how many processes hold each of the others. A
 * bitmap with one bit a frame, region by region; the number of a frame is that of its bit. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/boot.h"
#include "libsys/maker/image.h"

#define FRAMES_REGIONS_MAX BOOT_RANGES_MAX /* the machine has no more */

struct frames_region {
    cap_t memory;
    uint64_t page_count;
    uint64_t first_bit; /* between regions there is a bit that is always taken, so no run spans two of them */
};

struct frames {
    uint32_t region_count;
    struct frames_region regions[FRAMES_REGIONS_MAX];
    uint64_t *bits;    /* 1 = taken, or no frame at all */
    uint16_t *sharers; /* by bit: holders of the frame besides the first */
    uint64_t bit_count;
    uint64_t managed_count;
    uint64_t free_count;
    uint64_t floor;       /* frames that a request must leave free; set before each request (pressure_take_for) */
    uint64_t hint;        /* no frame below this bit is free */
    uint64_t pools_first; /* pools are taken from this bit on, while there is room ... */
    uint64_t pools_hint;  /* ... and no pool's frame between that and this one is free */
    uint32_t last_region; /* where the last lookup ended: most likely the next one ends there too */
};

/*
 * Before frames_start: add a region; each `memory` is higher than the one before. False: there are FRAMES_REGIONS_MAX
 * already.
 */
bool frames_add_region(struct frames *frames, cap_t memory, uint64_t page_count);

/* Bytes that frames_start needs, for the bitmap of all regions and the count of holders of each frame. */
uint64_t frames_bookkeeping_bytes(const struct frames *frames);

/* Make all frames free. bookkeeping: frames_bookkeeping_bytes() bytes, aligned to 8. */
void frames_start(struct frames *frames, void *bookkeeping);

/* Take frames that are known to be free. */
void frames_reserve(struct frames *frames, const struct memory_run *run);

/*
 * Take `wanted` frames in a row, or, where there is no such row, the longest one of at least `least`.
 * False: there is none, or it would go below the floor. Both > 0.
 */
bool frames_take(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run);

/*
 * Take frames for a kernel pool, like frames_take. Pools have a part of the memory to themselves as long as they fit
 * into it: the kernel need not clear a frame that goes from one pool to the next.
 */
bool frames_take_for_pool(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run);

/* Give back frames that were taken. A run of 0 pages is ignored. */
void frames_give(struct frames *frames, const struct memory_run *run);

/* Single frames, by number, which several processes may hold. FRAMES_NONE: none is free above the floor. */
#define FRAMES_NONE 0U
uint32_t frames_take_one(struct frames *frames);
/* Add a holder. False: the frame has as many as can be counted. */
bool frames_share(struct frames *frames, uint32_t frame);
uint32_t frames_others(const struct frames *frames, uint32_t frame); /* holders besides the first */
bool frames_is_shared(const struct frames *frames, uint32_t frame);
/* Take away a holder; the last one's end frees the frame. */
void frames_drop(struct frames *frames, uint32_t frame);
/*
 * Add a holder, also the first one: for counting them all again. frames_hold_all: of many, in the bits `mask`, without
 * those of `numbers` that are 0; returns how many they are.
 */
void frames_hold(struct frames *frames, uint32_t frame);
uint32_t frames_hold_all(struct frames *frames, const uint32_t *numbers, uint32_t count, uint32_t mask);
/* The run that consists of this frame. frames_find_run changes nothing. */
struct memory_run frames_run_of(struct frames *frames, uint32_t frame);
struct memory_run frames_find_run(const struct frames *frames, uint32_t frame);
/* Are these the numbers of frames, and of one region? Are all of them free? */
bool frames_are_there(const struct frames *frames, uint64_t first, uint64_t count);
bool frames_are_free(const struct frames *frames, uint64_t first, uint64_t count);
/* The number of a run's first frame. */
uint32_t frames_number_of(const struct frames *frames, const struct memory_run *run);
