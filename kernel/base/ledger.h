/*
 * The frame ledger: 8 bytes for every frame of RAM that say what it is. The types exclude each other, so no frame is
 * ever a page table or a kernel object and in a user's hands at the same time.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/status.h"

enum frame_type {
    FRAME_USER = 0, /* free, or mapped: count = leaf entries, message and trace pages that hold it. All zero at boot */
    FRAME_POOL = 1, /* belongs to a pool, unused; count of a free run's first frame = its order + 1 */
    FRAME_OBJECT = 2, /* holds kernel objects; count = how many */
    FRAME_TABLE =
        3, /* a page table; count: 11..0 present entries (of the root: in the user half), 27..16 the index of one */
    FRAME_KERNEL = 4,   /* the kernel image and what it took at boot */
    FRAME_FIRMWARE = 5, /* firmware's, or not RAM at all: device memory may be mapped there */
    FRAME_ZERO = 6, /* as USER and held by nobody; zero, since it was a pool's and no program could write it since */
};

struct frame_entry {
    uint32_t type_and_count; /* 31..28 type, 27..0 count; only this header and ledger.c touch its bits */
    uint32_t owner;          /* FRAME_POOL, OBJECT, TABLE: frame number of the pool's header */
};
_Static_assert(sizeof(struct frame_entry) == 8, "the boot loader reserves 8 bytes a frame");

#define FRAME_COUNT_MAX ((1U << 28) - 1)

struct ledger {
    struct frame_entry *frames;
    uint64_t frame_count;  /* one past the highest RAM frame; what lies above is device memory */
    uint64_t ram_count;    /* frames that are not FRAME_FIRMWARE */
    uint64_t mapped_count; /* frames of type USER with a count */
    uint64_t kernel_count; /* frames of types POOL, OBJECT, TABLE */
};
extern struct ledger ledger;

static inline enum frame_type frame_type(uint64_t frame) {
    return frame < ledger.frame_count ? (enum frame_type)(ledger.frames[frame].type_and_count >> 28) : FRAME_FIRMWARE;
}
static inline uint32_t frame_count(uint64_t frame) { return ledger.frames[frame].type_and_count & FRAME_COUNT_MAX; }

static inline uint32_t frame_owner(uint64_t frame) { return ledger.frames[frame].owner; }

/* What the count of a table says. */
static inline uint32_t frame_entries(uint64_t frame) { return ledger.frames[frame].type_and_count & 0xfff; }
static inline uint32_t frame_likely_entry(uint64_t frame) { return ledger.frames[frame].type_and_count >> 16 & 0xfff; }

static inline void frame_add_entries(uint64_t frame, int32_t more) {
    ledger.frames[frame].type_and_count += (uint32_t)more;
}
/* One of its entries is at `index`. */
static inline void frame_note_entry(uint64_t frame, uint32_t index) {
    uint32_t *word = &ledger.frames[frame].type_and_count;
    *word = (*word & ~(0xfffU << 16)) | index << 16;
}

/* Lock: kernel lock. `frame` is RAM (below ledger.frame_count) in all of these. */

/* Make a run of frames, which are all of one type, or of USER and ZERO, something else, with count 0. Nobody holds them, they
 * are no tables with entries. */
void frame_set_type(uint64_t first_frame, uint64_t count, enum frame_type type, uint32_t owner);

/* A run of frames is something else from now on, with count 0, of which the totals are not told: a pool's frames, which stay its
 * own, or any at boot, before there are totals. */
static inline void frame_set_use(uint64_t first_frame, uint64_t count, enum frame_type type) {
    for (uint64_t i = first_frame; i < first_frame + count; i++)
        ledger.frames[i].type_and_count = (uint32_t)type << 28;
}

/* A pool's unused frame begins a free run: `mark` is its order + 1; 0: it does not. */
static inline void frame_mark_run(uint64_t frame, uint32_t mark) {
    ledger.frames[frame].type_and_count = (uint32_t)FRAME_POOL << 28 | mark;
}

/*
 * One more holder. False, and nothing has changed: it is no user frame, or has FRAME_COUNT_MAX holders. There is no other
 * way to count one, so that a count never runs into the type, whatever its caller has forgotten to ask.
 */
MUST_USE static inline bool frame_hold(uint64_t frame) {
    uint32_t before = ledger.frames[frame].type_and_count;
    if (before >= FRAME_COUNT_MAX) /* type USER is 0, any other makes the word larger */
        return false;
    ledger.frames[frame].type_and_count = before + 1;
    ledger.mapped_count += before < 1; /* it was held by nobody; < 1: the carry is added as it is */
    return true;
}
/* One fewer; true: that was the last, and ledger.mapped_count is still to be told. */
static inline bool frame_drop(uint64_t frame) { return --ledger.frames[frame].type_and_count == 0; }
/* The same, and it is told. */
static inline void frame_release(uint64_t frame) { ledger.mapped_count -= frame_drop(frame); }
/* One holder more for each of a run, or, if false, for none. Device memory is not counted: nothing happens, and that is true. */
MUST_USE bool frame_hold_run(uint64_t first_frame, uint64_t count);
void frame_release_run(uint64_t first_frame, uint64_t count);

/* Frames of a run that are of type ZERO become USER: somebody may write them from now on. */
void frame_forget_zero(uint64_t first_frame, uint64_t count);

/* The first of a run of frames that is not of type USER, or held by as many as can be; or held at all, or not of USER or
 * ZERO; or not of ZERO. `count`: there is none. */
uint64_t frame_find_unholdable(uint64_t first_frame, uint64_t count);
uint64_t frame_find_held(uint64_t first_frame, uint64_t count);
uint64_t frame_find_not_zero(uint64_t first_frame, uint64_t count);
