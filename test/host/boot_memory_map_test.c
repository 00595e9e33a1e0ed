/*
 * Does the map, painted range by range in any order, equal one that is coloured page by page?
 */
#include "boot/memory_map.h"

#include "test/host/suite.h"
#include "test/lib/random.h"

#define PAGE 4096ULL

static struct memory_map map;

static bool range_is(uint32_t at, uint64_t start, uint64_t end, enum boot_range_kind kind) {
    return at < map.count && map.ranges[at].start == start && map.ranges[at].end == end && map.ranges[at].kind == kind;
}

static bool paint(uint64_t start, uint64_t end, enum boot_range_kind kind) {
    return memory_map_paint(&map, start, end - start, kind);
}

static void ranges_are_sorted_and_merged(void) {
    map.count = 0;
    CHECK(paint(8 * PAGE, 9 * PAGE, BOOT_RANGE_RAM));
    CHECK(paint(0, 2 * PAGE, BOOT_RANGE_RAM));
    CHECK(paint(4 * PAGE, 5 * PAGE, BOOT_RANGE_FIRMWARE));
    CHECK(paint(2 * PAGE, 4 * PAGE, BOOT_RANGE_RAM));
    CHECK_EQUAL(map.count, 3);
    CHECK(range_is(0, 0, 4 * PAGE, BOOT_RANGE_RAM));
    CHECK(range_is(1, 4 * PAGE, 5 * PAGE, BOOT_RANGE_FIRMWARE));
    CHECK(range_is(2, 8 * PAGE, 9 * PAGE, BOOT_RANGE_RAM));
}

static void higher_kind_stays(void) {
    map.count = 0;
    CHECK(paint(2 * PAGE, 6 * PAGE, BOOT_RANGE_FIRMWARE));
    CHECK(paint(0, 8 * PAGE, BOOT_RANGE_RAM));
    CHECK(paint(3 * PAGE, 7 * PAGE, BOOT_RANGE_KERNEL));
    CHECK_EQUAL(map.count, 4);
    CHECK(range_is(0, 0, 2 * PAGE, BOOT_RANGE_RAM));
    CHECK(range_is(1, 2 * PAGE, 6 * PAGE, BOOT_RANGE_FIRMWARE));
    CHECK(range_is(2, 6 * PAGE, 7 * PAGE, BOOT_RANGE_KERNEL));
    CHECK(range_is(3, 7 * PAGE, 8 * PAGE, BOOT_RANGE_RAM));
}

static void edges_go_to_what_is_not_free(void) {
    map.count = 0;
    CHECK(paint(1, 3 * PAGE - 1, BOOT_RANGE_RAM));
    CHECK_EQUAL(map.count, 1);
    CHECK(range_is(0, PAGE, 2 * PAGE, BOOT_RANGE_RAM));
    map.count = 0;
    CHECK(paint(1, 3 * PAGE - 1, BOOT_RANGE_FIRMWARE));
    CHECK(range_is(0, 0, 3 * PAGE, BOOT_RANGE_FIRMWARE));
    map.count = 0;
    CHECK(paint(1, PAGE + 1, BOOT_RANGE_RAM)); /* not one whole page */
    CHECK_EQUAL(map.count, 0);
}

static void far_ends_are_cut_off(void) {
    map.count = 0;
    CHECK(memory_map_paint(&map, 0, 0, BOOT_RANGE_RAM));
    CHECK(memory_map_paint(&map, MEMORY_PHYS_END, PAGE, BOOT_RANGE_RAM));
    CHECK(memory_map_paint(&map, UINT64_MAX, UINT64_MAX, BOOT_RANGE_DEVICE));
    CHECK_EQUAL(map.count, 0);
    CHECK(memory_map_paint(&map, PAGE, UINT64_MAX, BOOT_RANGE_DEVICE));
    CHECK(range_is(0, PAGE, MEMORY_PHYS_END, BOOT_RANGE_DEVICE));
}

static void full_map_says_so(void) {
    map.count = 0;
    for (uint64_t i = 0; i < MEMORY_MAP_MAX; i++)
        CHECK(paint(2 * i * PAGE, (2 * i + 1) * PAGE, BOOT_RANGE_RAM));
    CHECK_EQUAL(map.count, MEMORY_MAP_MAX);
    CHECK(!paint(2 * MEMORY_MAP_MAX * PAGE, (2 * MEMORY_MAP_MAX + 1) * PAGE, BOOT_RANGE_RAM));
}

static void lowest_fit_is_found(void) {
    uint64_t phys = 7;
    map.count = 0;
    CHECK(paint(1 * PAGE, 3 * PAGE, BOOT_RANGE_RAM));
    CHECK(paint(5 * PAGE, 20 * PAGE, BOOT_RANGE_RAM));
    CHECK(paint(20 * PAGE, 90 * PAGE, BOOT_RANGE_LOADER));
    struct memory_request request = {.page_count = 2, .align = PAGE, .lowest = 0, .end = UINT64_MAX};
    CHECK(memory_map_find(&map, request, &phys));
    CHECK_EQUAL(phys, PAGE);
    request.page_count = 3;
    CHECK(memory_map_find(&map, request, &phys));
    CHECK_EQUAL(phys, 5 * PAGE);
    request.align = 8 * PAGE;
    CHECK(memory_map_find(&map, request, &phys));
    CHECK_EQUAL(phys, 8 * PAGE);
    request.lowest = 9 * PAGE;
    CHECK(memory_map_find(&map, request, &phys));
    CHECK_EQUAL(phys, 16 * PAGE);
    request.page_count = 5;
    CHECK(!memory_map_find(&map, request, &phys));
    CHECK_EQUAL(phys, 16 * PAGE);
    request = (struct memory_request){.page_count = 15, .align = PAGE, .lowest = 0, .end = 20 * PAGE};
    CHECK(memory_map_find(&map, request, &phys));
    request.end = 20 * PAGE - 1;
    CHECK(!memory_map_find(&map, request, &phys));
    request = (struct memory_request){.page_count = UINT64_MAX / PAGE + 2, .align = PAGE, .end = UINT64_MAX};
    CHECK(!memory_map_find(&map, request, &phys));
}

static void end_of_ram_counts_ram_in_use(void) {
    map.count = 0;
    CHECK_EQUAL(memory_map_ram_end(&map), 0);
    CHECK(paint(0, 4 * PAGE, BOOT_RANGE_RAM));
    CHECK(paint(4 * PAGE, 6 * PAGE, BOOT_RANGE_VOLUME));
    CHECK(paint(6 * PAGE, 8 * PAGE, BOOT_RANGE_FIRMWARE));
    CHECK(paint(9 * PAGE, 10 * PAGE, BOOT_RANGE_DEVICE));
    CHECK_EQUAL(memory_map_ram_end(&map), 6 * PAGE);
}

static void ram_is_left_out_from_an_address_on(void) {
    map.count = 0;
    CHECK(paint(0, 4 * PAGE, BOOT_RANGE_RAM));
    CHECK(paint(4 * PAGE, 6 * PAGE, BOOT_RANGE_VOLUME));
    CHECK(paint(6 * PAGE, 8 * PAGE, BOOT_RANGE_FIRMWARE));
    CHECK(paint(8 * PAGE, 9 * PAGE, BOOT_RANGE_RAM));
    CHECK(memory_map_leave_out(&map, 9 * PAGE));
    CHECK_EQUAL(map.count, 4);
    CHECK(memory_map_leave_out(&map, 3 * PAGE));
    CHECK_EQUAL(map.count, 4);
    CHECK(range_is(0, 0, 3 * PAGE, BOOT_RANGE_RAM));
    CHECK(range_is(1, 3 * PAGE, 6 * PAGE, BOOT_RANGE_LEFT_OUT));
    CHECK(range_is(2, 6 * PAGE, 8 * PAGE, BOOT_RANGE_FIRMWARE));
    CHECK(range_is(3, 8 * PAGE, 9 * PAGE, BOOT_RANGE_LEFT_OUT));
    CHECK_EQUAL(memory_map_ram_end(&map), 3 * PAGE);
}

enum { MODEL_PAGES = 64 };

static bool map_matches(const uint8_t model[MODEL_PAGES]) {
    uint32_t at = 0;
    for (uint32_t page = 0; page < MODEL_PAGES; page++) {
        while (at < map.count && map.ranges[at].end <= page * PAGE)
            at++;
        bool inside = at < map.count && map.ranges[at].start <= page * PAGE;
        if ((inside ? (uint8_t)map.ranges[at].kind : 0) != model[page])
            return false;
    }
    for (uint32_t i = 0; i + 1 < map.count; i++) {
        const struct memory_range *range = &map.ranges[i];
        if (range->end > range[1].start || (range->end == range[1].start && range->kind == range[1].kind))
            return false;
    }
    return true;
}

static void random_pictures_match_the_model(void) {
    uint64_t seed = 42;
    for (uint32_t round = 0; round < 5000; round++) {
        uint8_t model[MODEL_PAGES] = {0};
        map.count = 0;
        for (uint32_t stroke = 0; stroke < 20; stroke++) {
            uint64_t start = random_step(&seed) % MODEL_PAGES;
            uint64_t end = start + random_step(&seed) % (MODEL_PAGES - start + 1);
            uint8_t kind = (uint8_t)(1 + random_step(&seed) % BOOT_RANGE_DEVICE);
            CHECK(paint(start * PAGE, end * PAGE, (enum boot_range_kind)kind));
            for (uint64_t page = start; page < end; page++)
                model[page] = kind > model[page] ? kind : model[page];
            CHECK(map_matches(model));
        }
    }
}

SUITE(CASE(ranges_are_sorted_and_merged), CASE(higher_kind_stays), CASE(edges_go_to_what_is_not_free),
      CASE(far_ends_are_cut_off), CASE(full_map_says_so), CASE(lowest_fit_is_found), CASE(end_of_ram_counts_ram_in_use),
      CASE(ram_is_left_out_from_an_address_on), CASE(random_pictures_match_the_model));
