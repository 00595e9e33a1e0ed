#include "boot/memory_map.h"

static bool range_insert(struct memory_map *map, uint32_t at, struct memory_range range) {
    if (map->count == MEMORY_MAP_MAX)
        return false;
    for (uint32_t i = map->count; i > at; i--)
        map->ranges[i] = map->ranges[i - 1];
    map->ranges[at] = range;
    map->count++;
    return true;
}

/* Cut range `at` in two at `address`, which lies strictly inside it. */
static bool range_cut(struct memory_map *map, uint32_t at, uint64_t address) {
    struct memory_range upper = map->ranges[at];
    upper.start = address;
    if (!range_insert(map, at + 1, upper))
        return false;
    map->ranges[at].end = address;
    return true;
}

static void merge_neighbours(struct memory_map *map) {
    uint32_t kept = 0;
    for (uint32_t i = 1; i < map->count; i++) {
        struct memory_range *last = &map->ranges[kept];
        if (last->end == map->ranges[i].start && last->kind == map->ranges[i].kind)
            last->end = map->ranges[i].end;
        else
            map->ranges[++kept] = map->ranges[i];
    }
    map->count = map->count == 0 ? 0 : kept + 1;
}

/*
 * Paint the part of `range` that meets range `at`. Range `at` begins at or before `range` and ends after its start.
 * *ret_next is where the rest of `range` begins, if there is a rest.
 */
static bool paint_over(struct memory_map *map, uint32_t at, struct memory_range range, uint64_t *ret_next) {
    uint64_t end = map->ranges[at].end < range.end ? map->ranges[at].end : range.end;
    *ret_next = end;
    if (map->ranges[at].kind >= range.kind)
        return true;
    if (map->ranges[at].start < range.start) {
        if (!range_cut(map, at, range.start))
            return false;
        at++;
    }
    if (end < map->ranges[at].end && !range_cut(map, at, end))
        return false;
    map->ranges[at].kind = range.kind;
    return true;
}

static bool paint_range(struct memory_map *map, struct memory_range range) {
    uint32_t at = 0;
    while (range.start < range.end) {
        while (at < map->count && map->ranges[at].end <= range.start)
            at++;
        if (at == map->count || map->ranges[at].start >= range.end)
            return range_insert(map, at, range);
        if (map->ranges[at].start > range.start) {
            struct memory_range gap = range;
            gap.end = map->ranges[at].start;
            if (!range_insert(map, at, gap))
                return false;
            range.start = gap.end;
        } else if (!paint_over(map, at, range, &range.start)) {
            return false;
        }
    }
    return true;
}

bool memory_map_paint(struct memory_map *map, uint64_t phys, uint64_t bytes, enum boot_range_kind kind) {
    if (bytes == 0 || phys >= MEMORY_PHYS_END)
        return true;
    uint64_t end = bytes > MEMORY_PHYS_END - phys ? MEMORY_PHYS_END : phys + bytes;
    uint64_t below = BOOT_PAGE_BYTES - 1;
    struct memory_range range = {.kind = kind};
    if (kind == BOOT_RANGE_RAM) {
        range.start = (phys + below) & ~below;
        range.end = end & ~below;
    } else {
        range.start = phys & ~below;
        range.end = (end + below) & ~below;
    }
    bool fits = paint_range(map, range);
    merge_neighbours(map);
    return fits;
}

bool memory_map_find(const struct memory_map *map, struct memory_request request, uint64_t *ret_phys) {
    if (request.page_count > MEMORY_PHYS_END / BOOT_PAGE_BYTES)
        return false;
    uint64_t bytes = request.page_count * BOOT_PAGE_BYTES;
    for (uint32_t i = 0; i < map->count; i++) {
        const struct memory_range *range = &map->ranges[i];
        uint64_t start = range->start > request.lowest ? range->start : request.lowest;
        uint64_t end = range->end < request.end ? range->end : request.end;
        start = (start + request.align - 1) & ~(request.align - 1);
        if (range->kind == BOOT_RANGE_RAM && start < end && end - start >= bytes) {
            *ret_phys = start;
            return true;
        }
    }
    return false;
}

bool memory_kind_is_ram(enum boot_range_kind kind) {
    switch (kind) {
    case BOOT_RANGE_RAM:
    case BOOT_RANGE_LOADER:
    case BOOT_RANGE_KERNEL:
    case BOOT_RANGE_HEAP:
    case BOOT_RANGE_INIT:
    case BOOT_RANGE_VOLUME:
        return true;
    case BOOT_RANGE_FIRMWARE:
    case BOOT_RANGE_DEVICE:
    case BOOT_RANGE_LEFT_OUT:
        return false;
    }
    return false;
}

uint64_t memory_map_ram_end(const struct memory_map *map) {
    uint64_t end = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        if (memory_kind_is_ram(map->ranges[i].kind))
            end = map->ranges[i].end;
    }
    return end;
}

bool memory_map_leave_out(struct memory_map *map, uint64_t end) {
    for (uint32_t i = 0; i < map->count; i++) {
        struct memory_range *range = &map->ranges[i];
        if (!memory_kind_is_ram(range->kind) || range->end <= end)
            continue;
        if (range->start >= end)
            range->kind = BOOT_RANGE_LEFT_OUT;
        else if (!range_cut(map, i, end)) /* the upper part is the next range */
            return false;
    }
    merge_neighbours(map);
    return true;
}
