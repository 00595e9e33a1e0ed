/*
 * What an address space should hold: regions, and for each page of private memory the frame that is in it. The kernel's
 * page tables are a cache of this: a page that is here and not there is brought by the next fault (pager.h). Pure, but
 * for the pages of the server's own that it takes from the store.
 *
 *   vm -- regions, ascending          [start, end): rights, kind, where the content comes from
 *      `- leaves, ascending           one covers 4 MiB: an entry for each page that has a frame of its own
 *
 * A vm is one page, its regions another, and so is each leaf.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/rights.h"
#include "libsys/proto/process.h"
#include "servers/process/store.h"

#define VM_REGIONS_MAX 64U
#define VM_LEAVES_MAX 160U
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

struct vm {
    uint32_t region_count;
    uint32_t leaf_count;
    uint64_t frame_count;            /* entries that are not 0 */
    uint32_t last_region, last_leaf; /* where something was found last: most likely it is there again */
    uint32_t ahead;                  /* how many pages the last one that was new brought along, itself included */
    uaddr_t expected;                /* ... and the page behind them: a program that goes on will touch it next */
    struct vm_region *regions;
    struct vm_leaf leaves[VM_LEAVES_MAX];
};
_Static_assert(sizeof(struct vm) <= PAGE_BYTES, "a vm is one page of the store");
_Static_assert(VM_REGIONS_MAX * sizeof(struct vm_region) <= PAGE_BYTES, "and its regions another");

/* NULL: the store has no pages. */
struct vm *vm_create(struct store *store);

/* The leaves and the vm itself go back; whoever calls this has given back the frames, and all entries are 0. */
void vm_destroy(struct store *store, struct vm *vm);

/* The region around `at`; NULL = none. */
struct vm_region *vm_find(struct vm *vm, uaddr_t at);

/* Is nothing in [start, end)? */
bool vm_is_free(const struct vm *vm, uaddr_t start, uaddr_t end);

/* The lowest free range of so many bytes in [low, high); 0 = there is none. */
uaddr_t vm_find_gap(const struct vm *vm, uint64_t bytes, uaddr_t low, uaddr_t high);

/* Add a region where nothing is; one like its neighbour joins it. False: there are VM_REGIONS_MAX. */
bool vm_insert(struct vm *vm, const struct vm_region *region);

/* Make region borders of both ends of a range. False, and nothing has changed: too many regions. */
bool vm_cut(struct vm *vm, uaddr_t start, uaddr_t end);

/* Make one of two neighbours that are alike, of which one touches [start, end). False: there are none. *ret_file is the content
 * that both had. */
bool vm_join(struct vm *vm, uaddr_t start, uaddr_t end, struct vm_file **ret_file);

/* Take the regions out that lie in a range whose ends are borders. Frames are the caller's affair. */
void vm_remove(struct vm *vm, uaddr_t start, uaddr_t end);

/* Is all of [start, end) covered by regions? */
bool vm_covers(const struct vm *vm, uaddr_t start, uaddr_t end);

/* The entry of a page; NULL = there is no leaf for it. */
uint32_t *vm_entry(struct vm *vm, uaddr_t at);

/* The same, and a leaf is made; the entries of the pages behind it, up to a multiple of VM_GROUP_PAGES, follow. NULL: VM_LEAVES_MAX, or the store has no page. */
uint32_t *vm_make_entry(struct store *store, struct vm *vm, uaddr_t at);

/* Give back the leaves around a range in which there is nothing any more. */
void vm_trim(struct store *store, struct vm *vm, uaddr_t start, uaddr_t end);

/* The first page in [at, end) with a frame, or `end`. *ret_entry is its entry. */
uaddr_t vm_next(struct vm *vm, uaddr_t at, uaddr_t end, uint32_t **ret_entry);

/* The first of them and those that follow without a gap, in one leaf. count 0: there are none. */
struct vm_pages {
    uaddr_t start, end;
    uint32_t count;
    uint32_t *entries;
};
struct vm_pages vm_next_pages(struct vm *vm, uaddr_t at, uaddr_t end);
