/*
 * What an address space should hold: regions, and for each page of private memory the frame that is in it. The kernel's
 * page tables are a cache of this: a page that is here and not there is brought by the next fault (pager.h). Pure, but
 * for the pages of the server's own that it takes from the page allocator.
 *
 *   vm -- regions, ascending          [start, end): rights, kind, where the content comes from
 *      `- leaves, ascending           one covers 4 MiB: an entry for each page that has a frame of its own
 *
 * A vm is one page, with the first regions and what leads to the first leaves; each leaf is another, and so are chunks of further
 * regions and leaves (ordered.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/rights.h"
#include "libsys/proto/process.h"
#include "servers/process/pages/ordered.h"

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
    bool guarded;         /* no place is found in the page below it */
    struct vm_file *file; /* content; NULL = zeroes */
    uaddr_t content_at;   /* where the first byte of the content belongs; it may lie outside after a split */
    uint64_t content_bytes;
    uint64_t file_offset; /* of that byte in the file; congruent to content_at modulo PAGE_BYTES */
};

struct vm_leaf {
    uint64_t number; /* address / (VM_LEAF_PAGES * PAGE_BYTES) */
    uint32_t *entries;
    uint64_t groups; /* bit g: among entries 16 g .. 16 g + 15 there may be one that is not 0 */
};

#define VM_OWN_REGIONS 22U /* that lie in the vm's page */
#define VM_OWN_LEAVES 30U
#define VM_REGION_CHUNKS ORDERED_CHUNKS(VM_REGIONS_MAX, sizeof(struct vm_region))
#define VM_LEAF_CHUNKS ORDERED_CHUNKS(VM_LEAVES_MAX, sizeof(struct vm_leaf))

struct vm {
    uint64_t page_count;           /* of all regions */
    uint64_t frame_count;          /* entries that are not 0 */
    struct vm_region *last_region; /* where something was found last: most likely it is there again */
    struct vm_leaf *last_leaf;
    uint32_t ahead;   /* how many pages the last one that was new brought along, itself included */
    uaddr_t expected; /* ... and the page behind them: a program that goes on will touch it next */
    struct ordered regions, leaves;
    struct ordered_chunk region_chunks[VM_REGION_CHUNKS], leaf_chunks[VM_LEAF_CHUNKS];
    struct vm_region own_regions[VM_OWN_REGIONS];
    struct vm_leaf own_leaves[VM_OWN_LEAVES];
};
_Static_assert(sizeof(struct vm) <= PAGE_BYTES, "a vm is one page");

/* NULL: the page allocator has no page. */
struct vm *vm_create(struct page_allocator *allocator);

/* The leaves and the vm itself go back; whoever calls this has given back the frames, and all entries are 0. */
void vm_destroy(struct page_allocator *allocator, struct vm *vm);

/* Pages of the page allocator: its own, of its leaves, of what leads to regions and leaves. */
uint64_t vm_record_count(const struct vm *vm);

/* The region around `at`; NULL = none. It stays where it is until a region comes or goes. */
struct vm_region *vm_find(struct vm *vm, uaddr_t at);

/* The first region that ends behind `at`; NULL = none. */
struct vm_region *vm_next_region(const struct vm *vm, uaddr_t at);

/* The region behind this one; behind NULL, the first. NULL = none. */
static inline struct vm_region *vm_region_after(const struct vm *vm, const struct vm_region *region) {
    return ordered_next(&vm->regions, region);
}

/* Is nothing in [start, end)? */
bool vm_is_free(const struct vm *vm, uaddr_t start, uaddr_t end);

/* The lowest free range of so many bytes in [low, high); 0 = there is none. */
uaddr_t vm_find_gap(const struct vm *vm, uint64_t bytes, uaddr_t low, uaddr_t high);

/* Add a region; one like its neighbour joins it. Errors: E_EXISTS something is there; P_LIMIT there are VM_REGIONS_MAX; P_NO_MEMORY. */
MUST_USE uint32_t vm_insert(struct page_allocator *allocator, struct vm *vm, const struct vm_region *region);

/* Make region borders of both ends of a range. Errors: as for vm_insert; nothing has changed then. */
MUST_USE uint32_t vm_cut(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end);

/* Make one of two neighbours that are alike, of which one touches [start, end). False: there are none. *ret_file is the content
 * that both had. */
bool vm_join(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end, struct vm_file **ret_file);

/*
 * Let a range be taken out: only where it lies within one region, of which both ends stay, is a border made, at `end`.
 * *ret_file is the content of which there are two regions then, or NULL. Errors: as for vm_insert; nothing has changed then.
 */
MUST_USE uint32_t vm_prepare_removal(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end,
                                     struct vm_file **ret_file);

/* Take a range out for which that was done: regions in it go, those that reach into it get shorter. Frames are the caller's affair. */
void vm_remove(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end);

/* Is all of [start, end) covered by regions? */
bool vm_covers(const struct vm *vm, uaddr_t start, uaddr_t end);

/* The entry of a page; NULL = there is no leaf for it. */
uint32_t *vm_entry(struct vm *vm, uaddr_t at);

/* The same, and a leaf is made; the entries of the pages behind it, up to a multiple of VM_GROUP_PAGES, follow.
 * Errors: P_LIMIT there are VM_LEAVES_MAX; P_NO_MEMORY. */
MUST_USE uint32_t vm_make_entry(struct page_allocator *allocator, struct vm *vm, uaddr_t at, uint32_t **ret_entry);

/* Give back the leaves around a range in which there is nothing any more. */
void vm_trim(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end);

/* The first page in [at, end) with a frame, or `end`. *ret_entry is its entry. */
uaddr_t vm_next(struct vm *vm, uaddr_t at, uaddr_t end, uint32_t **ret_entry);

/* The first of them and those that follow without a gap, in one leaf. count 0: there are none. */
struct vm_pages {
    uaddr_t start, end;
    uint32_t count;
    uint32_t *entries;
};
struct vm_pages vm_next_pages(struct vm *vm, uaddr_t at, uaddr_t end);
