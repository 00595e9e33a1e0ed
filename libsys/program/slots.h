/*
 * Which slots of a capability table are free: a plain bitmap that its owner keeps, since the kernel has no call for it.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/syscall.h"

struct slots {
    uint64_t first;      /* slots below were filled by whoever made the program */
    uint64_t limit;      /* slots in the table */
    uint64_t hint;       /* no word below this one has a free slot */
    uint64_t used_count; /* taken by slots_take */
    uint64_t end;        /* no slot from this one on was ever taken */
    uint64_t *kept_end;  /* `end`, for the next program of this table; NULL: there is none */
    uint64_t used[TABLE_SLOTS_MAX / 64];
};

/* first: lowest slot to give out, > 0. limit: slots in the table; more than TABLE_SLOTS_MAX are not used. */
void slots_init(struct slots *slots, uint64_t first, uint64_t limit);

/*
 * For a table that outlives its program: *kept_end says in which slots one of its programs may have left something,
 * beginning with 0 for the first. It grows before a slot is used.
 */
void slots_keep(struct slots *slots, uint64_t *kept_end);

/* A free slot, now taken; 0 = none is left. */
MUST_USE cap_t slots_take(struct slots *slots);

/* Take this very slot, which a program before this one had; once or more often. 0 is ignored. */
void slots_claim(struct slots *slots, cap_t slot);

static inline _Bool slots_is_taken(const struct slots *slots, cap_t slot) {
    return (slots->used[slot / 64] >> slot % 64 & 1) != 0;
}

/*
 * Make the structure consistent after a change that was interrupted at any point (a fork by another thread). The slot
 * of that change is then either taken or free.
 */
void slots_recount(struct slots *slots);

/* How many are left. */
static inline uint64_t slots_left(const struct slots *slots) { return slots->limit - slots->first - slots->used_count; }

/* Give back a slot that slots_take returned; the capability in it must be gone. 0 is ignored. */
void slots_free(struct slots *slots, cap_t slot);

/* The first slot from `from` on, > 0, that is free and was taken before, now or by a program before; 0 = none. */
cap_t slots_find_free(const struct slots *slots, uint64_t from);
