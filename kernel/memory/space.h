/*
 * Address spaces: a root table and what hangs below it, all from one pool.
 *
 * The user half is what space_map makes it; the kernel half is the sealed one. A mapping counts its frame in the ledger
 * (RAM only) until it is unmapped or the space dies, whatever becomes of the Memory capability it came from.
 */
#pragma once

#include "kernel/abi/rights.h"
#include "kernel/cap/object.h"

#define RIGHTS_MASK (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)

struct space {
    struct object object;
    uint64_t root; /* physical address of the PML4 */
    uint64_t mapped_pages;
    uint64_t large_pages; /* how many of 2 MiB there are */
};

/* Lock: kernel lock. */
struct space *space_make(struct pool *pool); /* NULL: no memory */

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

/* The two halves of that. Are the run's pages empty, and in *ret_missing, how many tables do they lack? */
MUST_USE enum status space_check_frames(const struct space *space, struct frame_run *run, uint64_t *ret_missing,
                                        uint64_t *ret_where);
/* A run whose frames are held, whose pages are empty and whose tables the pool has memory for. */
void space_write_frames(struct space *space, const struct frame_run *run);

/* Read, and not both written and executed? */
bool space_rights_are_valid(uint64_t rights);

/*
 * Unmap pages, mapped or not; the value is how many were. Let mapped pages have `rights`, which are valid. Errors: E_ARG, E_MEMORY for
 * tables where a large page is cut; CALL_RESTART: it was work enough for one stay. Only of space_protect, and the value is the page:
 * E_EMPTY it is not mapped, E_RIGHTS the Memory capability that it was mapped by did not allow that.
 */
struct result space_unmap(struct space *space, uaddr_t at, uint64_t page_count);
struct result space_protect(struct space *space, uaddr_t at, uint64_t page_count, uint64_t rights);
