/*
 * Pages of 2 MiB: used where a run's frames and addresses allow, split where only a part of one changes, and visible
 * only in the number of page tables.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define LARGE_PAGES 512U
#define LARGE_BYTES (LARGE_PAGES * PAGE_BYTES)
#define SOMEWHERE 0x4000000000ULL
#define ENTRY_LARGE (1ULL << 7)
#define PRESENT FAULT_ACCESS_PRESENT

static uint64_t pool_used(cap_t pool) { return sys_system_info(INFO_POOL_USED, pool).value; }

static uint64_t map(cap_t space, cap_t memory, uint64_t offset_pages, uaddr_t at, uint64_t flags) {
    return sys_space_map(space, memory, offset_pages, LARGE_PAGES, at, flags).status;
}

/* Are the 2 MiB around `at` mapped by a large page? */
static bool is_large(cap_t space, uaddr_t at) {
    struct space_walk walk;
    CHECK_STATUS(sys_space_query(space, at), OK);
    memcpy(&walk, program.message->data, sizeof walk);
    return walk.levels == 3 && (walk.entry[2] & ENTRY_LARGE) != 0;
}

static void space_map_uses_large_pages(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = hook_large_memory(2);
    uint64_t before = pool_used(world.pool), frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value;
    const struct {
        uint64_t offset_pages;
        uaddr_t at;
        bool large;
    } rows[] = {{0, SOMEWHERE, true},     {LARGE_PAGES, SOMEWHERE, true},     {0, SOMEWHERE + PAGE_BYTES, false},
                {1, SOMEWHERE, false},    {1, SOMEWHERE + PAGE_BYTES, false}, {0, USER_LOWEST, true},
                {0, 0x7fffffc00000, true}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_STATUS(map(space, memory, rows[i].offset_pages, rows[i].at, READ_WRITE), OK);
        CHECK_EQUAL(is_large(space, rows[i].at), rows[i].large);
        CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames + LARGE_PAGES);
        if (rows[i].large)
            CHECK_EQUAL(pool_used(world.pool), before + 2 * PAGE_BYTES);
        CHECK_STATUS(sys_space_map(space, memory, 0, 1, rows[i].at + 7 * PAGE_BYTES, MEMORY_READ), E_EXISTS);
        CHECK_EQUAL(sys_space_map(space, memory, 0, 9, rows[i].at - PAGE_BYTES, MEMORY_READ).status,
                    rows[i].at == USER_LOWEST ? E_ARG : E_EXISTS);
        CHECK_VALUE(sys_space_unmap(space, rows[i].at, LARGE_PAGES), LARGE_PAGES);
        CHECK_EQUAL(pool_used(world.pool), before);
        CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames);
    }
    CHECK_STATUS(sys_space_map(space, memory, 0, LARGE_PAGES - 1, SOMEWHERE, READ_WRITE), OK);
    CHECK(!is_large(space, SOMEWHERE)); /* not the whole of a large page */
}

static void space_map_of_a_large_page_shows_the_frames(void) {
    cap_t memory = hook_large_memory(1);
    uaddr_t at = (world_addresses(2 * LARGE_PAGES) + LARGE_BYTES - 1) / LARGE_BYTES * LARGE_BYTES;
    CHECK_STATUS(map(INIT_CAP_SPACE, memory, 0, at, READ_WRITE), OK);
    CHECK(is_large(INIT_CAP_SPACE, at));
    volatile uint64_t *large = (volatile uint64_t *)at, *small = (volatile uint64_t *)world_addresses(LARGE_PAGES);
    for (uint64_t i = 0; i < LARGE_PAGES; i++)
        large[512 * i + i] = i;
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, 0, LARGE_PAGES - 1, (uaddr_t)small, READ_WRITE), OK);
    for (uint64_t i = 0; i + 1 < LARGE_PAGES; i++)
        CHECK_EQUAL(small[512 * i + i], i);
    CHECK_STATUS(sys_pool_create(memory, 17, 1, world_slot()), E_BUSY); /* each of its frames is in use */
}

/* Unmap a part in the middle, or at an edge: the rest keeps its contents, and the part is gone at once. */
static void space_unmap_splits_a_large_page(void) {
    cap_t memory = hook_large_memory(1);
    uaddr_t at = (world_addresses(2 * LARGE_PAGES) + LARGE_BYTES - 1) / LARGE_BYTES * LARGE_BYTES;
    volatile uint64_t *pages = (volatile uint64_t *)at;
    const uint64_t holes[][2] = {{0, 1}, {511, 1}, {255, 3}, {0, 511}, {1, 511}, {100, 200}};
    for (uint32_t hole = 0; hole < sizeof holes / sizeof holes[0]; hole++) {
        uint64_t first = holes[hole][0], end = first + holes[hole][1];
        CHECK_STATUS(map(INIT_CAP_SPACE, memory, 0, at, READ_WRITE), OK);
        for (uint64_t i = 0; i < LARGE_PAGES; i++)
            pages[512 * i] = 1000 * hole + i;
        CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, at + first * PAGE_BYTES, end - first), end - first);
        for (uint64_t i = 0; i < LARGE_PAGES; i++) {
            if (i < first || i >= end)
                CHECK_EQUAL(pages[512 * i], 1000 * hole + i);
        }
        role_faults(0, TOUCH_READ, at + first * PAGE_BYTES, 0);
        role_faults(0, TOUCH_READ, at + (end - 1) * PAGE_BYTES, 0);
        CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, at, LARGE_PAGES), LARGE_PAGES - (end - first));
    }
}

static void space_protect_splits_a_large_page(void) {
    cap_t space = worker_space(), memory = hook_large_memory(1);
    CHECK_STATUS(map(space, memory, 0, SOMEWHERE, READ_WRITE), OK);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, LARGE_PAGES, MEMORY_READ), OK); /* all of it, so it stays large */
    CHECK(is_large(space, SOMEWHERE));
    role_faults(space, TOUCH_WRITE, SOMEWHERE + 8 * PAGE_BYTES, PRESENT | FAULT_ACCESS_WRITE);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, LARGE_PAGES, READ_WRITE), OK);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + 9 * PAGE_BYTES, 1, MEMORY_READ), OK);
    CHECK(!is_large(space, SOMEWHERE));
    role_can_touch(space, TOUCH_WRITE, SOMEWHERE + 8 * PAGE_BYTES);
    role_can_touch(space, TOUCH_READ, SOMEWHERE + 9 * PAGE_BYTES);
    role_faults(space, TOUCH_WRITE, SOMEWHERE + 9 * PAGE_BYTES, PRESENT | FAULT_ACCESS_WRITE);
    role_can_touch(space, TOUCH_WRITE, SOMEWHERE + 10 * PAGE_BYTES);
    /* limits of rights survive, too */
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + 9 * PAGE_BYTES, 1, READ_EXECUTE), OK);
}

/* A run that begins in one large page and ends in the next splits both. */
static void space_unmap_across_two_large_pages(void) {
    cap_t space = world_create(OBJECT_SPACE, 0), memory = hook_large_memory(2);
    uint64_t before = pool_used(world.pool), frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value;
    for (uint64_t cut = 1; cut < LARGE_PAGES; cut += 170) {
        CHECK_STATUS(map(space, memory, 0, SOMEWHERE, MEMORY_READ), OK);
        CHECK_STATUS(map(space, memory, LARGE_PAGES, SOMEWHERE + LARGE_BYTES, MEMORY_READ), OK);
        CHECK_VALUE(sys_space_unmap(space, SOMEWHERE + cut * PAGE_BYTES, LARGE_PAGES), LARGE_PAGES);
        CHECK_EQUAL(pool_used(world.pool), before + 4 * PAGE_BYTES); /* two tables above the pages, two by the splits */
        CHECK_VALUE(sys_space_query(space, SOMEWHERE + (cut - 1) * PAGE_BYTES), 4);
        CHECK_VALUE(sys_space_query(space, SOMEWHERE + cut * PAGE_BYTES), 3);
        CHECK_VALUE(sys_space_query(space, SOMEWHERE + LARGE_BYTES + (cut - 1) * PAGE_BYTES), 3);
        CHECK_VALUE(sys_space_query(space, SOMEWHERE + LARGE_BYTES + cut * PAGE_BYTES), 4);
        CHECK_VALUE(sys_space_unmap(space, SOMEWHERE, LARGE_PAGES), cut);
        CHECK_VALUE(sys_space_unmap(space, SOMEWHERE + LARGE_BYTES, LARGE_PAGES), LARGE_PAGES - cut);
        CHECK_EQUAL(pool_used(world.pool), before);
        CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames);
    }
}

/* W^X, limits of rights, offsets and the walk of a fault are as with small pages. */
static void space_map_of_a_large_page_obeys_rights(void) {
    cap_t space = worker_space(), memory = hook_large_memory(1), read = world_copy(memory, MEMORY_READ, 0);
    CHECK_STATUS(map(space, memory, 0, SOMEWHERE, MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE), E_ARG);
    CHECK_STATUS(map(space, read, 0, SOMEWHERE, READ_WRITE), E_RIGHTS);
    CHECK_STATUS(map(space, read, 0, SOMEWHERE, MEMORY_READ), OK);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE, LARGE_PAGES, READ_WRITE), E_RIGHTS);
    CHECK_STATUS(sys_space_protect(space, SOMEWHERE + PAGE_BYTES, 1, READ_WRITE), E_RIGHTS);
    CHECK(is_large(space, SOMEWHERE)); /* refused, so not split */
    struct touch touch = role_touch(space, TOUCH_RUN, SOMEWHERE + 0x12340);
    CHECK(touch.faulted);
    CHECK_EQUAL(touch.fault.access, PRESENT | FAULT_ACCESS_FETCH);
    CHECK_EQUAL(touch.fault.walk.levels, 3);
    CHECK_STATUS(world_audit(space), OK);
}

static void cap_delete_of_a_space_with_large_pages(void) {
    cap_t memory = hook_large_memory(2);
    uint64_t before = pool_used(world.pool), frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value;
    cap_t space = world_create(OBJECT_SPACE, 0);
    for (uint64_t i = 0; i < 20; i++)
        CHECK_STATUS(map(space, memory, i % 2 * LARGE_PAGES, SOMEWHERE + i * 3 * LARGE_BYTES, MEMORY_READ), OK);
    CHECK_VALUE(sys_space_unmap(space, SOMEWHERE + 5 * PAGE_BYTES, 1), 1);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames + 2 * LARGE_PAGES);
    CHECK_STATUS(sys_cap_delete(0, space), OK);
    CHECK_EQUAL(pool_used(world.pool), before);
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_MAPPED, 0).value, frames);
}

SUITE(CASE(space_map_uses_large_pages), CASE(space_map_of_a_large_page_shows_the_frames),
      CASE(space_unmap_splits_a_large_page), CASE(space_protect_splits_a_large_page),
      CASE(space_unmap_across_two_large_pages), CASE(space_map_of_a_large_page_obeys_rights),
      CASE(cap_delete_of_a_space_with_large_pages));
