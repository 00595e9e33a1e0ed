/*
 * The frame allocator: which frames of the memory this server was given are free, and how many processes hold each. A
 * bitmap, one bit a frame, region by region; a frame's number is that of its bit. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/boot.h"
#include "libsys/image.h"

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
    uint64_t floor;       /* so many stay free, whoever asks: the caller sets it for whom frames are taken */
    uint64_t hint;        /* no frame below this bit is free */
    uint64_t pools_first; /* pools are taken from this bit on, while there is room ... */
    uint64_t pools_hint;  /* ... and no pool's frame between that and this one is free */
    uint32_t last_region; /* where the last one asked for was: most likely the next is there, too */
};

/* Before frames_start: name a region; each `memory` is higher than the one before. False: there are FRAMES_REGIONS_MAX already. */
bool frames_add_region(struct frames *frames, cap_t memory, uint64_t page_count);

/* Bytes that the bitmap of all regions takes, and the count of further holders of each frame. */
uint64_t frames_bookkeeping_bytes(const struct frames *frames);

/* All frames are free from now on. bookkeeping: of that size, aligned to 8, zero. */
void frames_start(struct frames *frames, void *bookkeeping);

/* Take frames that are known to be free. */
void frames_reserve(struct frames *frames, const struct memory_run *run);

/*
 * Take `wanted` frames in a row, or, where there is no such row, the longest one of at least `least`.
 * False: there is none, or it would go below the floor. Both > 0.
 */
bool frames_take(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run);

/*
 * The same for a kernel pool. These have a part of the memory to themselves as long as they fit into it: a frame that was a pool's
 * and is one's again need not be cleared by the kernel.
 */
bool frames_take_for_pool(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run);

/* Give back frames that were taken. A run of 0 pages is ignored. */
void frames_give(struct frames *frames, const struct memory_run *run);

/* Single frames, by number, which several processes may hold. FRAMES_NONE: none is free above the floor. */
#define FRAMES_NONE 0U
uint32_t frames_take_one(struct frames *frames);
/* One more holder. False: there are as many as can be. */
bool frames_share(struct frames *frames, uint32_t frame);
uint32_t frames_others(const struct frames *frames, uint32_t frame); /* holders but one */
bool frames_is_shared(const struct frames *frames, uint32_t frame);
/* One holder fewer; the last gives the frame back. */
void frames_drop(struct frames *frames, uint32_t frame);
/* Where it lies. */
struct memory_run frames_run_of(struct frames *frames, uint32_t frame);
/* The number of a run's first frame. */
uint32_t frames_number_of(const struct frames *frames, const struct memory_run *run);
