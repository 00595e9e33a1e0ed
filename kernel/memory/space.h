/*
 * Address spaces: a root table and the tables below it, all from one pool.
 *
 * space_map fills the user half; the kernel half is sealed, and shared by all spaces. A mapping of RAM counts its frame
 * in the ledger until it is unmapped or the space dies, even if the Memory capability that it came from is gone.
 */
#pragma once

#include "kernel/abi/rights.h"
#include "kernel/cap/object.h"

#define RIGHTS_MASK (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)

struct space {
    struct object object;
    uint64_t root; /* physical address of the PML4 */
    uint64_t mapped_pages;
    uint64_t large_pages; /* number of large pages (2 MiB) */
};

/* Lock: kernel lock. */
struct space *space_make(struct pool *pool); /* NULL: no memory */

/* A run of frames to be mapped: user frames with room for one more holder, or device memory, which is not counted. */
struct frame_run {
    uint64_t frame;
    uint64_t page_count;
    uaddr_t at;
    uint64_t flags;  /* enum memory_right, enum map_flag */
    uint32_t limit;  /* rights that space_protect may grant later */
    uint64_t *table; /* result: the last-level table for all pages; NULL: they need several tables, or new ones */
};

/*
 * Map a run. Errors: E_ARG `at` is misaligned or out of range; E_EXISTS a page there is mapped already (*ret_where =
 * its address); E_MEMORY the space's pool has no page for a table; E_LIMIT a frame has as many holders as can be
 * counted. Nothing is mapped on error.
 */
MUST_USE enum status space_map_frames(struct space *space, struct frame_run *run, uint64_t *ret_where);

/* Do the rights allow reading, and not both writing and executing? */
bool space_rights_are_valid(uint64_t rights);

/*
 * Unmap pages, mapped or not. The value is how many were mapped. Errors: E_ARG; E_MEMORY for tables where a large page
 * is cut; CALL_RESTART: it was work enough for one stay.
 */
struct result space_unmap(struct space *space, uaddr_t at, uint64_t page_count);

/*
 * Give mapped pages `rights`, which are valid. Errors: those of space_unmap; E_EMPTY a page is not mapped; E_RIGHTS the
 * Memory capability that mapped a page did not allow `rights`. The value of the last two is the page's address.
 */
struct result space_protect(struct space *space, uaddr_t at, uint64_t page_count, uint64_t rights);
