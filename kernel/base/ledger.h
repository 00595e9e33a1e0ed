/*
 * The frame ledger: 8 bytes for every frame of RAM, with its type. The types exclude each other, so a page table or a
 * kernel object never lies in a frame that a user can access.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/status.h"

enum frame_type {
    FRAME_USER = 0,   /* free, or held: count = leaf entries, message and trace pages that hold it. All zero at boot */
    FRAME_POOL = 1,   /* an unused frame of a pool; count in the first frame of a free run: its order + 1 */
    FRAME_OBJECT = 2, /* holds kernel objects; no count */
    FRAME_TABLE = 3, /* a page table; count: 11..0 present entries (of a root: in its user half), 27..16 index of one */
    FRAME_KERNEL = 4,   /* the kernel image and memory it took at boot */
    FRAME_FIRMWARE = 5, /* firmware's, or no RAM: may be mapped as device memory */
    FRAME_ZERO = 6, /* a USER frame without holders that is zero: it was a pool's, and not writable by programs since */
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

/* The two parts of a table's count: the number of its entries, and where one of them is likely. */
static inline uint32_t frame_entries(uint64_t frame) { return ledger.frames[frame].type_and_count & 0xfff; }
static inline uint32_t frame_likely_entry(uint64_t frame) { return ledger.frames[frame].type_and_count >> 16 & 0xfff; }

static inline void frame_add_entries(uint64_t frame, int32_t more) {
    ledger.frames[frame].type_and_count += (uint32_t)more;
}
/* Note that the table has an entry at `index`. */
static inline void frame_note_entry(uint64_t frame, uint32_t index) {
    uint32_t *word = &ledger.frames[frame].type_and_count;
    *word = (*word & ~(0xfffU << 16)) | index << 16;
}

/* Lock: kernel lock. `frame` is RAM (below ledger.frame_count) in all of these. */

/*
 * Give a run of frames another type, with count 0. The frames are all of one type, or of USER and ZERO. They have no
 * holders, and are no tables with entries.
 */
void frame_set_type(uint64_t first_frame, uint64_t count, enum frame_type type, uint32_t owner);

/*
 * Give a run of frames another type, with count 0, without changing the totals. For frames that stay a pool's own, or
 * for any at boot, before there are totals.
 */
static inline void frame_set_use(uint64_t first_frame, uint64_t count, enum frame_type type) {
    for (uint64_t i = first_frame; i < first_frame + count; i++)
        ledger.frames[i].type_and_count = (uint32_t)type << 28;
}

/* Note that a pool's unused frame begins a free run of order `mark` - 1; `mark` 0: it does not. */
static inline void frame_mark_run(uint64_t frame, uint32_t mark) {
    ledger.frames[frame].type_and_count = (uint32_t)FRAME_POOL << 28 | mark;
}

/*
 * Add a holder. False, and nothing has changed: it is no user frame, or has FRAME_COUNT_MAX holders. All counting of
 * holders checks this, so a count never overflows into the type, even if a caller forgets to check.
 */
MUST_USE static inline bool frame_hold(uint64_t frame) {
    uint32_t before = ledger.frames[frame].type_and_count;
    if (before >= FRAME_COUNT_MAX) /* type USER is 0, any other makes the word larger */
        return false;
    ledger.frames[frame].type_and_count = before + 1;
    ledger.mapped_count += before < 1; /* it had no holder; with < 1 the carry flag is added directly */
    return true;
}
/* Remove a holder. True: it was the last; then the caller must lower ledger.mapped_count by one. */
static inline bool frame_drop(uint64_t frame) { return --ledger.frames[frame].type_and_count == 0; }
/* Remove a holder, and keep ledger.mapped_count right. */
static inline void frame_release(uint64_t frame) { ledger.mapped_count -= frame_drop(frame); }
/*
 * Add a holder to each frame of a run; false: to none, for the reasons of frame_hold. For device memory, which is not
 * counted, nothing happens, and the result is true.
 */
MUST_USE bool frame_hold_run(uint64_t first_frame, uint64_t count);
void frame_release_run(uint64_t first_frame, uint64_t count);

/* Turn the ZERO frames of a run into USER frames, since programs may write them from now on. */
void frame_forget_zero(uint64_t first_frame, uint64_t count);

/*
 * Each returns the index in a run of the first frame of some kind, or `count` if there is none. frame_find_unholdable:
 * one that is not of type USER, or has as many holders as can be counted. frame_find_held: one that has holders, or is
 * neither of type USER nor ZERO. frame_find_not_zero: one that is not of type ZERO.
 */
uint64_t frame_find_unholdable(uint64_t first_frame, uint64_t count);
uint64_t frame_find_held(uint64_t first_frame, uint64_t count);
uint64_t frame_find_not_zero(uint64_t first_frame, uint64_t count);
