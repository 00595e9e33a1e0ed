/*
 * What an address space should hold: regions, and the frame of each page of private memory. The kernel's page tables
 * are a cache of this: the next fault brings a page that is here and not there (pager.h). Pure, except that it takes
 * pages of the server's own from the page allocator.
 *
 *   vm -- regions, ascending          [start, end): rights, kind, where the content comes from
 *      `- leaves, ascending           one covers 4 MiB: an entry for each page that has a frame of its own
 *
 * A vm is one page, with the first regions and the directory of the first leaves. Each leaf takes one more page, and so
 * does each further chunk of regions or leaves (ordered.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/rights.h"
#include "libsys/proto/process.h"
#include "servers/process/pages/ordered.h"
#include "servers/process/records/sizes.h"

#define VM_REGIONS_MAX 2048U
#define VM_LEAVES_MAX 4096U
#define VM_LEAF_PAGES 1024U
#define VM_GROUP_PAGES 16U

/* An entry: 0 = nothing; else a frame (frames.h) and how it is mapped. */
#define VM_FRAME ((1U << 28) - 1)
#define VM_MAPPED (1U << 28)   /* the space maps it */
#define VM_WRITABLE (1U << 29) /* ... writable */

struct vm_file;

struct vm_region {
    uaddr_t start, end;
    uint8_t rights;       /* enum memory_right; 0 = no access */
    uint8_t kind;         /* enum process_map_kind */
    bool guarded;         /* vm_find_gap leaves the page below it free */
    struct vm_file *file; /* content; NULL: zeroes */
    uaddr_t content_at;   /* address of the content's first byte; after a split it may lie outside the region */
    uint64_t content_bytes;
    uint64_t file_offset; /* of that byte in the file; congruent to content_at modulo PAGE_BYTES */
};

struct vm_leaf {
    uint64_t number; /* address / (VM_LEAF_PAGES * PAGE_BYTES) */
    uint32_t *entries;
    uint64_t groups; /* bit g: among entries 16 g .. 16 g + 15 there may be one that is not 0; vm->groups_in_doubt */
};

#define VM_REGION_CHUNKS ORDERED_CHUNKS(VM_REGIONS_MAX, sizeof(struct vm_region))
#define VM_LEAF_CHUNKS ORDERED_CHUNKS(VM_LEAVES_MAX, sizeof(struct vm_leaf))

struct vm {
    uint64_t page_count;           /* of all regions */
    uint64_t frame_count;          /* entries that are not 0 */
    struct vm_region *last_region; /* where the last look-up ended: most likely the next ends there too */
    struct vm_leaf *last_leaf;
    bool groups_in_doubt; /* an undo may put `groups` of leaves back, but no entries */
    uint32_t ahead;       /* how many pages the last fault on a new page brought */
    uaddr_t expected;     /* the page behind those: a program that goes on touches it next */
    struct ordered regions, leaves;
    struct ordered_chunk region_chunks[VM_REGION_CHUNKS], leaf_chunks[VM_LEAF_CHUNKS];
    struct vm_region own_regions[VM_OWN_REGIONS];
    struct vm_leaf own_leaves[VM_OWN_LEAVES];
};
_Static_assert(sizeof(struct vm) <= PAGE_BYTES, "a vm is one page");

/* Make an empty vm. NULL: the page allocator has no page. */
struct vm *vm_create(struct page_allocator *allocator);

/* From now on something names the vm: its changes are noted (libsys/wire/journal.h). */
void vm_name(struct vm *vm);

/*
 * In place of a program that has died: compute what is not noted but frame_count, which becomes 0; forget what points
 * to that program; and tell the page allocator which pages the vm has.
 */
void vm_restart(struct vm *vm, struct page_allocator *allocator);

/* Give back the leaves and the vm itself. The caller has given back the frames before, and all entries are 0. */
void vm_destroy(struct page_allocator *allocator, struct vm *vm);

/* Pages taken from the page allocator: the vm, its leaves, and chunks of regions and leaves. */
uint64_t vm_record_count(const struct vm *vm);

/* The region around `at`. NULL: there is none. The pointer is valid until a region is added or removed. */
struct vm_region *vm_find(struct vm *vm, uaddr_t at);

/* The first region that ends behind `at`. NULL: there is none. */
struct vm_region *vm_next_region(const struct vm *vm, uaddr_t at);

/* The region behind this one; behind NULL, the first. NULL: there is none. */
static inline struct vm_region *vm_region_after(const struct vm *vm, const struct vm_region *region) {
    return ordered_next(&vm->regions, region);
}

/* Is nothing in [start, end)? */
bool vm_is_free(const struct vm *vm, uaddr_t start, uaddr_t end);

/* The lowest free range of `bytes` bytes in [low, high); 0 = there is none. */
uaddr_t vm_find_gap(const struct vm *vm, uint64_t bytes, uaddr_t low, uaddr_t high);

/*
 * Add a region; if it is like its neighbour, it becomes a part of that.
 * Errors: E_EXISTS something is there; P_LIMIT there are VM_REGIONS_MAX; P_NO_MEMORY.
 */
MUST_USE uint32_t vm_insert(struct page_allocator *allocator, struct vm *vm, const struct vm_region *region);

/* ... also if it is like its neighbour: for a state that is taken over as it is. page_count stays (vm_restart()). */
MUST_USE uint32_t vm_insert_apart(struct page_allocator *allocator, struct vm *vm, const struct vm_region *region);

/* Make region borders at both ends of a range. Errors: as for vm_insert; nothing has changed then. */
MUST_USE uint32_t vm_cut(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end);

/*
 * Merge two neighbours that are alike; at least one of them has to touch [start, end). *ret_file is their file, which
 * has one region fewer now. False: there are no such neighbours.
 */
bool vm_join(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end, struct vm_file **ret_file);

/*
 * Prepare vm_remove: where the range lies within one region and both ends of that stay, make a border at `end`.
 * *ret_file: the file that has two regions instead of one now, or NULL. Errors: as for vm_insert; nothing has changed
 * then.
 */
MUST_USE uint32_t vm_prepare_removal(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end,
                                     struct vm_file **ret_file);

/*
 * Remove a range after vm_prepare_removal: regions in it go, those that reach into it get shorter. The caller has given
 * back the frames before, and all entries in the range are 0. Each region's end is whole by itself: a removal that was
 * interrupted is to be made again.
 */
void vm_remove(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end);

/* Do regions cover all of [start, end)? */
bool vm_covers(const struct vm *vm, uaddr_t start, uaddr_t end);

/* The entry of a page. NULL: there is no leaf for it. */
uint32_t *vm_entry(struct vm *vm, uaddr_t at);

/*
 * The entry of a page, whose leaf is made if there is none. The entries of the pages behind it, up to a multiple of
 * VM_GROUP_PAGES, lie behind it.
 * Errors: P_LIMIT there are VM_LEAVES_MAX; P_NO_MEMORY.
 */
MUST_USE uint32_t vm_make_entry(struct page_allocator *allocator, struct vm *vm, uaddr_t at, uint32_t **ret_entry);

/* Give back the leaves around a range that hold no entries any more. Each is a change that is whole by itself. */
void vm_trim(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end);

/* The first page in [at, end) that has a frame, or `end` if there is none. *ret_entry is its entry. */
uaddr_t vm_next(struct vm *vm, uaddr_t at, uaddr_t end, uint32_t **ret_entry);

/*
 * The first page in [at, end) that has a frame, with those that follow without a gap in one leaf. count 0: there is
 * none.
 */
struct vm_pages {
    uaddr_t start, end;
    uint32_t count;
    uint32_t *entries;
};
struct vm_pages vm_next_pages(struct vm *vm, uaddr_t at, uaddr_t end);
