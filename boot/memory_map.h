/*
 * The memory map as a picture that is painted: an array of ranges, sorted by address, page-aligned, without overlaps,
 * neighbours of one kind merged. Firmware reports ranges in any order, unaligned, overlapping; each is painted in turn,
 * and where two overlap the higher kind (enum boot_range_kind) stays. Claiming memory is painting too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/boot.h"

#define MEMORY_MAP_MAX 2048U /* more than the kernel takes: firmware's many small ranges merge as they are painted */
#define MEMORY_PHYS_END (1ULL << 52) /* x86-64 has no physical address beyond (Intel SDM vol. 3A, 4-Level Paging) */

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
 * Paint [phys, phys + bytes) in `kind`. Free memory (BOOT_RANGE_RAM) is shrunk to whole pages, any other kind grown.
 * bytes: 0 paints nothing; what lies beyond MEMORY_PHYS_END is cut off.
 * False: the map is full and now incomplete.
 */
[[nodiscard]] bool memory_map_paint(struct memory_map *map, uint64_t phys, uint64_t bytes, enum boot_range_kind kind);

/* The lowest free memory that fits. False: there is none; *ret_phys is untouched. */
[[nodiscard]] bool memory_map_find(const struct memory_map *map, struct memory_request request, uint64_t *ret_phys);

/* RAM of any kind from `end` on, a multiple of BOOT_PAGE_BYTES, becomes BOOT_RANGE_LEFT_OUT. False: the map is full. */
[[nodiscard]] bool memory_map_leave_out(struct memory_map *map, uint64_t end);

/* Whether memory of this kind is RAM that is used, whatever it holds now. */
bool memory_kind_is_ram(enum boot_range_kind kind);

/* The end of the highest RAM of any kind; 0 = there is none. */
uint64_t memory_map_ram_end(const struct memory_map *map);
