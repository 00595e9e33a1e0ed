/*
 * Address spaces: a root table and what hangs below it, all from one pool.
 *
 * The user half is what space_map makes it; the kernel half is the sealed one. A mapping counts its frame in the ledger
 * (RAM only) until it is unmapped or the space dies, whatever becomes of the Memory capability it came from.
 */
#pragma once

#include "kernel/object.h"

struct space {
    struct object object;
    uint64_t root; /* physical address of the PML4 */
    uint64_t mapped_pages;
    uint64_t large_pages; /* how many of 2 MiB there are */
};

/* Lock: kernel lock. */
struct space *space_make(struct pool *pool); /* NULL: no memory */
bool space_reap_step(struct space *space);

/*
 * Map `page_count` frames from `frame` at `at`. What is checked: alignment and range of `at`, the frames, that nothing
 * is mapped there, memory for tables. Errors: E_ARG, E_BUSY, E_EXISTS (*ret_where = address), E_MEMORY. `is_device`: the
 * frames are not RAM and not counted. `limit`: rights that space_protect may grant later.
 */
MUST_USE enum status space_map_frames(struct space *space, uint64_t frame, uint64_t page_count, uaddr_t at,
                                      uint64_t flags, uint32_t limit, uint64_t *ret_where);
