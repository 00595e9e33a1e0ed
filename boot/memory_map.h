/*
 * The memory map, painted like a picture. It is an array of ranges, page-aligned, sorted by address and without
 * overlaps; neighbours of one kind are merged. Firmware reports ranges in any order, unaligned and overlapping. Each is
 * painted in turn; where two overlap, the higher kind (enum boot_range_kind) wins. Memory is claimed by painting, too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/boot.h"

#define MEMORY_MAP_MAX 2048U         /* more than the kernel takes: many small ranges of firmware merge once painted */
#define MEMORY_PHYS_END (1ULL << 52) /* the end of x86-64's physical addresses (Intel SDM vol. 3A, 4-Level Paging) */

struct memory_range {
    uint64_t start; /* multiple of BOOT_PAGE_BYTES */
    uint64_t end;   /* multiple of BOOT_PAGE_BYTES, > start */
    enum boot_range_kind kind;
};

struct memory_map {
    uint32_t count;
    struct memory_range ranges[MEMORY_MAP_MAX];
};

/* Which memory to look for, and where. */
struct memory_request {
    uint64_t page_count; /* > 0 */
    uint64_t align;      /* power of two, at least BOOT_PAGE_BYTES */
    uint64_t lowest;     /* the found range lies in [lowest, end) */
    uint64_t end;
};

/*
 * Paint [phys, phys + bytes) as `kind`. Free memory (BOOT_RANGE_RAM) is shrunk to whole pages; any other kind grows to
 * whole pages. 0 bytes paint nothing. The part beyond MEMORY_PHYS_END is cut off.
 * False: the map is full and now incomplete.
 */
[[nodiscard]] bool memory_map_paint(struct memory_map *map, uint64_t phys, uint64_t bytes, enum boot_range_kind kind);

/* Find the lowest free memory that fits. False: there is none; *ret_phys is untouched. */
[[nodiscard]] bool memory_map_find(const struct memory_map *map, struct memory_request request, uint64_t *ret_phys);

/*
 * Turn RAM of any kind at and above `end`, a multiple of BOOT_PAGE_BYTES, into BOOT_RANGE_LEFT_OUT. False: the map is
 * full.
 */
[[nodiscard]] bool memory_map_leave_out(struct memory_map *map, uint64_t end);

/* Whether this kind of memory is RAM that is in use or free for use. */
bool memory_kind_is_ram(enum boot_range_kind kind);

/* Returns the end of the highest RAM of any kind; 0: there is none. */
uint64_t memory_map_ram_end(const struct memory_map *map);
