/*
 * The boot loader's memory map, compared with an array that marks each page. Five bytes an operation: start and length
 * in half pages, and a kind.
 */
#include <string.h>

#include "boot/memory_map.h"
#include "test/fuzz/fuzz.h"

#define PAGES 160U
#define HALF (BOOT_PAGE_BYTES / 2)

static struct memory_map map;
static uint8_t colours[PAGES];

static void paint(uint64_t start, uint64_t halves, uint8_t kind) {
    bool ram = kind == BOOT_RANGE_RAM;
    uint64_t first = ram ? (start + 1) / 2 : start / 2, end = ram ? (start + halves) / 2 : (start + halves + 1) / 2;
    REQUIRE(memory_map_paint(&map, start * HALF, halves * HALF, (enum boot_range_kind)kind));
    for (uint64_t page = first; halves > 0 && page < end; page++)
        colours[page] = kind > colours[page] ? kind : colours[page];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct fuzz_bytes input = {data, bytes};
    map.count = 0;
    memset(colours, 0, sizeof colours);
    while (input.left > 0) {
        uint64_t start = fuzz_byte(&input), halves = fuzz_byte(&input) % 60;
        paint(start, halves, (uint8_t)(1 + fuzz_byte(&input) % BOOT_RANGE_DEVICE));
    }
    uint64_t at = 0;
    for (uint32_t i = 0; i < map.count; i++) {
        const struct memory_range *range = &map.ranges[i];
        REQUIRE(range->start < range->end && range->start % BOOT_PAGE_BYTES == 0 && range->end % BOOT_PAGE_BYTES == 0);
        for (; at < range->start / BOOT_PAGE_BYTES; at++)
            REQUIRE(colours[at] == 0);
        for (; at < range->end / BOOT_PAGE_BYTES; at++)
            REQUIRE(colours[at] == range->kind);
        REQUIRE(i == 0 || map.ranges[i - 1].end < range->start || map.ranges[i - 1].kind != range->kind);
        REQUIRE(i == 0 || map.ranges[i - 1].end <= range->start);
    }
    for (; at < PAGES; at++)
        REQUIRE(colours[at] == 0);
    return 0;
}
