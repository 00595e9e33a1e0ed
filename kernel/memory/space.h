/*
 * Address spaces: a root table and what hangs below it, all from one pool.
 *
 * The user half is what space_map makes it; the kernel half is the sealed one. A mapping counts its frame in the ledger
 * (RAM only) until it is unmapped or the space dies, whatever becomes of the Memory capability it came from.
 */
#pragma once

#include "kernel/cap/object.h"

struct thread;

struct space {
    struct object object;
    uint64_t root; /* physical address of the PML4 */
    uint64_t mapped_pages;
    uint64_t large_pages; /* how many of 2 MiB there are */
};

/* Lock: kernel lock. */
struct space *space_make(struct pool *pool); /* NULL: no memory */
/* The space of a call that has arguments or results in the caller's message page. Errors: as table_find, then E_STATE. */
MUST_USE enum status space_find_with_page(const struct thread *self, cap_t space, uint32_t rights,
                                          struct space **ret_space);
bool space_reap_step(struct space *space);

/* Frames that may be mapped: user frames with room for one more holder, or device memory, which is not counted. */
struct frame_run {
    uint64_t frame;
    uint64_t page_count;
    uaddr_t at;
    uint64_t flags;  /* enum memory_right, enum map_flag */
    uint32_t limit;  /* rights that space_protect may grant later */
    uint64_t *table; /* filled in: the last-level table for all of them; NULL: they need more than one, or new ones */
};

/*
 * Map them. What is checked: alignment and range of `at`, that nothing is mapped there, memory for tables. Errors: E_ARG,
 * E_EXISTS (*ret_where = address), E_MEMORY.
 */
MUST_USE enum status space_map_frames(struct space *space, struct frame_run *run, uint64_t *ret_where);
