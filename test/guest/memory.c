/*
 * memory_derive, memory_fill, memory_copy: authority over parts of memory, and access to contents without a mapping.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/arguments.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/worker.h"
#include "test/guest/lib/world.h"

static void memory_derive_gives_a_part(void) {
    cap_t all = world_memory(8), part = world_slot(), page = world_slot();
    volatile uint64_t *pages = world_map(all, 8);
    for (uint64_t i = 0; i < 8; i++)
        pages[512 * i] = i;
    CHECK_STATUS(sys_memory_derive(all, 2, 4, part, RIGHTS_ALL), OK);
    CHECK_STATUS(sys_memory_derive(part, 3, 1, page, RIGHTS_ALL), OK);
    CHECK_EQUAL(*(volatile uint64_t *)world_map(page, 1), 5);
    CHECK_STATUS(sys_memory_fill(page, PAGE_BYTES, 8, 0), E_ARG);
    CHECK_STATUS(sys_memory_fill(part, 4 * PAGE_BYTES, 8, 0), E_ARG);
}

static void memory_derive_refuses_ranges(void) {
    cap_t all = world_memory(4), slot = world_slot();
    const uint64_t rows[][2] = {{0, 0},          {0, 5},          {4, 1},          {3, 2},         {UINT64_MAX, 1},
                                {UINT64_MAX, 2}, {1, UINT64_MAX}, {1ULL << 32, 1}, {0, 1ULL << 32}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STATUS(sys_memory_derive(all, rows[i][0], rows[i][1], slot, RIGHTS_ALL), E_ARG);
    CHECK_STATUS(sys_memory_derive(all, 0, 4, all, RIGHTS_ALL), E_EXISTS);
    CHECK_STATUS(sys_memory_derive(all, 0, 4, 0, RIGHTS_ALL), E_CAP);
    CHECK_STATUS(sys_memory_derive(all, 0, 4, UINT64_MAX, RIGHTS_ALL), E_CAP);
    CHECK_STATUS(sys_memory_derive(all, 0, 4, slot, RIGHTS_ALL), OK);
}

static void memory_derive_narrows_rights(void) {
    cap_t all = world_memory(1), read = world_slot(), again = world_slot();
    CHECK_STATUS(sys_memory_derive(all, 0, 1, read, MEMORY_READ), OK);
    CHECK_STATUS(sys_memory_derive(read, 0, 1, again, RIGHTS_ALL), OK);
    CHECK_STATUS(sys_memory_fill(again, 0, 8, 1), E_RIGHTS);
    CHECK_STATUS(sys_pool_create(again, 0, 1, world_slot()), E_RIGHTS);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, again, 0, 1, world_addresses(1), READ_EXECUTE), E_RIGHTS);
}

static cap_t tested;
static uint64_t call_derive(cap_t cap) { return sys_memory_derive(cap, 0, 1, world_slot(), RIGHTS_ALL).status; }
static uint64_t call_fill(cap_t cap) { return sys_memory_fill(cap, 0, 8, 0).status; }
static uint64_t call_copy_to(cap_t cap) { return sys_memory_copy(cap, 0, tested, 64, 8).status; }
static uint64_t call_copy_from(cap_t cap) { return sys_memory_copy(tested, 64, cap, 0, 8).status; }

static void memory_calls_refuse_wrong_capabilities(void) {
    tested = world_memory(1);
    argument_check("memory_derive", call_derive, 0);
    argument_check("memory_fill", call_fill, world_copy(tested, MEMORY_READ | MEMORY_EXECUTE | MEMORY_POOL, 0));
    argument_check("memory_copy to", call_copy_to, world_copy(tested, MEMORY_READ, 0));
    argument_check("memory_copy from", call_copy_from, world_copy(tested, MEMORY_WRITE, 0));
    CHECK_STATUS(sys_memory_fill(INIT_CAP_DEVICES, 0xfed00000, 8, 0), E_TYPE);
    CHECK_STATUS(sys_memory_copy(tested, 0, INIT_CAP_DEVICES, 0xfed00000, 8), E_TYPE);
    CHECK_STATUS(sys_memory_copy(INIT_CAP_DEVICES, 0xfed00000, tested, 0, 8), E_TYPE);
    CHECK_STATUS(sys_memory_fill(INIT_CAP_VOLUME, 0, 8, 0), E_RIGHTS);
}

static void memory_fill_writes_exactly_its_range(void) {
    cap_t memory = world_memory(3);
    volatile uint64_t *words = world_map(memory, 3);
    const uint64_t rows[][2] = {{0, 1}, {511, 2}, {512, 512}, {1535, 1}, {700, 512}}; /* first word, words */
    for (uint32_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint64_t first = rows[row][0], end = first + rows[row][1], pattern = random_next();
        for (uint64_t i = 0; i < 1536; i++)
            words[i] = 0;
        CHECK_STATUS(sys_memory_fill(memory, 8 * first, 8 * (end - first), pattern), OK);
        uint64_t wrong = 0;
        for (uint64_t i = 0; i < 1536; i++)
            wrong += words[i] != (i >= first && i < end ? pattern : 0);
        CHECK_EQUAL(wrong, 0);
    }
}

static void memory_fill_refuses_ranges(void) {
    cap_t memory = world_memory(2);
    const uint64_t rows[][2] = {{4, 8},
                                {0, 4},
                                {0, 7},
                                {0, 0},
                                {0, BYTES_MAX + 8},
                                {2 * PAGE_BYTES, 8},
                                {2 * PAGE_BYTES - 8, 16},
                                {UINT64_MAX - 7, 8},
                                {UINT64_MAX - 7, 16},
                                {0, UINT64_MAX - 7}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STATUS(sys_memory_fill(memory, rows[i][0], rows[i][1], 1), E_ARG);
}

static void memory_copy_copies_exactly_its_range(void) {
    cap_t to = world_memory(2), from = world_memory(2);
    uint8_t *target = world_map(to, 2), *source = world_map(from, 2);
    const uint64_t rows[][3] = {/* to, from, bytes */
                                {0, 0, 1},       {1, 3, 4096},     {4095, 4095, 2},
                                {4096, 0, 4096}, {17, 4000, 1234}, {8191, 8191, 1}};
    for (uint32_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint64_t at = rows[row][0], start = rows[row][1], bytes = rows[row][2], wrong = 0;
        for (uint64_t i = 0; i < 8192; i++) {
            source[i] = (uint8_t)random_next();
            target[i] = 0xee;
        }
        CHECK_STATUS(sys_memory_copy(to, at, from, start, bytes), OK);
        for (uint64_t i = 0; i < 8192; i++)
            wrong += target[i] != (i >= at && i < at + bytes ? source[start + i - at] : 0xee);
        CHECK_EQUAL(wrong, 0);
    }
}

static void memory_copy_refuses_ranges(void) {
    cap_t memory = world_memory(2), other = world_memory(2);
    const uint64_t rows[][3] = {{0, 0, 0},
                                {0, 0, BYTES_MAX + 1},
                                {2 * PAGE_BYTES, 0, 1},
                                {0, 2 * PAGE_BYTES, 1},
                                {2 * PAGE_BYTES - 1, 0, 2},
                                {0, 2 * PAGE_BYTES - 1, 2},
                                {UINT64_MAX, 0, 1},
                                {0, UINT64_MAX, 2},
                                {0, 0, UINT64_MAX}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_STATUS(sys_memory_copy(memory, rows[i][0], other, rows[i][1], rows[i][2]), E_ARG);
}

/* The two ranges must not overlap, even if two capabilities name the same frames. */
static void memory_copy_refuses_overlap(void) {
    cap_t memory = world_memory(2), part = world_slot();
    CHECK_STATUS(sys_memory_derive(memory, 1, 1, part, RIGHTS_ALL), OK);
    CHECK_STATUS(sys_memory_copy(memory, 0, memory, 0, 8), E_ARG);
    CHECK_STATUS(sys_memory_copy(memory, 7, memory, 0, 8), E_ARG);
    CHECK_STATUS(sys_memory_copy(memory, 0, memory, 7, 8), E_ARG);
    CHECK_STATUS(sys_memory_copy(memory, 8, memory, 0, 8), OK);
    CHECK_STATUS(sys_memory_copy(memory, 0, memory, 8, 8), OK);
    CHECK_STATUS(sys_memory_copy(memory, PAGE_BYTES + 64, part, 64, 8), E_ARG);
    CHECK_STATUS(sys_memory_copy(part, 72, memory, PAGE_BYTES + 64, 8), OK);
}

/* Frames that the kernel uses now can't be accessed through any capability. */
static void memory_calls_do_not_touch_a_pool(void) {
    cap_t memory = world_memory(4), other = world_memory(1), pool = world_slot();
    CHECK_STATUS(sys_pool_create(memory, 1, 2, pool), OK);
    CHECK_STATUS(sys_memory_fill(memory, PAGE_BYTES, 8, 0), E_BUSY);
    CHECK_STATUS(sys_memory_fill(memory, 2 * PAGE_BYTES, 8, 0), E_BUSY);
    CHECK_STATUS(sys_memory_fill(memory, PAGE_BYTES - 8, 16, 0), E_BUSY); /* the first word is the user's */
    CHECK_STATUS(sys_memory_copy(other, 0, memory, PAGE_BYTES, 8), E_BUSY);
    CHECK_STATUS(sys_memory_copy(memory, PAGE_BYTES, other, 0, 8), E_BUSY);
    CHECK_STATUS(sys_memory_fill(memory, 0, PAGE_BYTES, 0), OK);
    CHECK_STATUS(sys_memory_fill(memory, 3 * PAGE_BYTES, PAGE_BYTES, 0), OK);
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    CHECK_STATUS(sys_memory_fill(memory, PAGE_BYTES, PAGE_BYTES, 0), OK);
}

SUITE(CASE(memory_derive_gives_a_part), CASE(memory_derive_refuses_ranges), CASE(memory_derive_narrows_rights),
      CASE(memory_calls_refuse_wrong_capabilities), CASE(memory_fill_writes_exactly_its_range),
      CASE(memory_fill_refuses_ranges), CASE(memory_copy_copies_exactly_its_range), CASE(memory_copy_refuses_ranges),
      CASE(memory_copy_refuses_overlap), CASE(memory_calls_do_not_touch_a_pool));
