/*
 * system_info and log_write: what they refuse, and what the check of the kernel's invariants says.
 */
#include "kernel/abi/log.h"
#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "kernel/check.h"
#include "libsys/program.h"
#include "libsys/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/test.h"
#include "test/guest/lib/world.h"

static void system_info_refuses_unknown_topics(void) {
    const uint64_t topics[] = {64, 255, 256 + INFO_CPUS, 1ULL << 32 | INFO_CPUS, 1ULL << 63, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        struct result result = sys_system_info(topics[i], 0);
        CHECK_STATUS(result, E_ARG);
        CHECK_EQUAL(result.value, 0);
    }
}

static void system_info_refuses_unknown_cpus(void) {
    const uint64_t topics[] = {INFO_TIMER_TICKS, INFO_SWITCHES, INFO_NMIS};
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value;
    const uint64_t wrong[] = {cpus, 64, 1ULL << 32, 1ULL << 61, UINT64_MAX}; /* 2^61 pointers are 2^64 bytes */
    for (uint32_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        for (uint64_t cpu = 0; cpu < cpus; cpu++)
            CHECK_STATUS(sys_system_info(topics[i], cpu), OK);
        for (uint32_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++)
            CHECK_STATUS(sys_system_info(topics[i], wrong[k]), E_ARG);
    }
}

/* The next one that is occupied, among so many; nothing beyond the table, and nothing of what is no table. */
static void system_info_finds_occupied_slots(void) {
    cap_t table = world_create(OBJECT_TABLE, 2048), small = world_create(OBJECT_TABLE, 8);
    const uint64_t occupied[] = {3, 4, 1027, 2047};
    for (uint32_t i = 0; i < 4; i++)
        CHECK_STATUS(sys_cap_copy(table, occupied[i], world.silence, RIGHTS_ALL, 0), OK);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 0)), 3);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 3)), 3);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 4)), 4);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 5)), 1027); /* 1,023 behind */
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 1028)), 2047);
    CHECK_STATUS(sys_cap_delete(table, 1027), OK);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 1023)), 0); /* the last that is looked at is 2046 */
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 2048)), 0);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, UINT32_MAX)), 0);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(small, 0)), 0);
    CHECK_STATUS(sys_system_info(INFO_NEXT_SLOT, RANGE(0, 1)), E_CAP);
    CHECK_STATUS(sys_system_info(INFO_NEXT_SLOT, RANGE(world_slot(), 1)), E_CAP);
    CHECK_STATUS(sys_system_info(INFO_NEXT_SLOT, RANGE(world.pool, 1)), E_TYPE);
}

static void log_write_refuses_lengths(void) {
    const uint64_t wrong[] = {0, LOG_BYTES_MAX + 1, PAGE_BYTES, 1ULL << 32 | 1, UINT64_MAX};
    memset(program.message->data, '.', LOG_BYTES_MAX);
    for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK_STATUS(sys_log_write(wrong[i]), E_ARG);
    CHECK_STATUS(sys_log_write(1), OK);
    CHECK_STATUS(sys_log_write(LOG_BYTES_MAX), OK);
}

/* Whoever has the log's frames sees what is written, and can do nothing else with them. */
static void log_write_shows_in_the_ring(void) {
    static const char text[] = "the ring has this line";
    uaddr_t at = world_addresses(LOG_RING_PAGES);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_LOG, 0, LOG_RING_PAGES, at, MEMORY_READ | MEMORY_WRITE),
                 E_RIGHTS);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_LOG, 0, LOG_RING_PAGES, at, MEMORY_READ | MEMORY_EXECUTE),
                 E_RIGHTS);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_LOG, 0, LOG_RING_PAGES + 1, at, MEMORY_READ), E_ARG);
    CHECK_STATUS(sys_memory_fill(INIT_CAP_LOG, 0, 8, 0), E_RIGHTS);
    CHECK_STATUS(sys_pool_create(INIT_CAP_LOG, 0, LOG_RING_PAGES, world_slot()), E_RIGHTS);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_LOG, 0, LOG_RING_PAGES, at, MEMORY_READ), OK);
    const volatile struct log_ring *ring = (const struct log_ring *)at;
    uint64_t before = ring->written;
    memcpy(program.message->data, text, sizeof text - 1);
    CHECK_STATUS(sys_log_write(sizeof text - 1), OK);
    uint64_t end = ring->written;
    CHECK(before > 0 && end - before > sizeof text && ring->bytes[(end - 1) % LOG_RING_BYTES] == '\n');
    for (uint64_t i = 0; i < sizeof text - 1; i++)
        CHECK_EQUAL(ring->bytes[(end - sizeof text + i) % LOG_RING_BYTES], text[i]);
    CHECK_STATUS(sys_space_unmap(INIT_CAP_SPACE, at, LOG_RING_PAGES), OK);
}

/* The invariant check looks at every space there is. This one is nobody's, and an entry of its kernel half is changed. */
static void system_info_checks_the_kernel_half(void) {
    struct result whole = sys_system_info(INFO_CHECK, 0);
    CHECK_STATUS(whole, test_checks_built() ? OK : E_CALL);
    for (uint64_t level = 1; test_checks_built() && level <= 4; level++) {
        struct control_corrupt what = {.space = world_create(OBJECT_SPACE, 0),
                                       .thread = INIT_CAP_THREAD,
                                       .check = AUDIT_GATE,
                                       .level = level,
                                       .flip = CONTROL_FLIP_WRITE};
        memcpy(program.message->data, &what, sizeof(what));
        CHECK_STATUS(hook_test(CONTROL_TEST_CORRUPT, 0), OK);
        struct result broken = sys_system_info(INFO_CHECK, 0);
        CHECK_STATUS(broken, E_STATE);
        CHECK_EQUAL(broken.value, INVARIANT_KERNEL_HALF);
        CHECK_STATUS(sys_cap_delete(0, what.space), OK);
        CHECK_STATUS(sys_system_info(INFO_CHECK, 0), OK);
    }
}

/* The kernel that users boot has no hooks: it checks nothing, and nothing in it can be provoked. */
static void system_control_has_hooks_with_checks_only(void) {
    CHECK_STATUS(hook_test(CONTROL_TEST_REFUSE, 0), test_checks_built() ? OK : E_CALL);
    CHECK_STATUS(hook_test(CONTROL_TEST_COUNT, 0), test_checks_built() ? E_ARG : E_CALL);
    CHECK_STATUS(sys_system_info(INFO_CHECK, 0), test_checks_built() ? OK : E_CALL);
}

SUITE(CASE(system_info_refuses_unknown_topics), CASE(system_info_refuses_unknown_cpus),
      CASE(system_info_finds_occupied_slots), CASE(log_write_refuses_lengths), CASE(log_write_shows_in_the_ring),
      CASE(system_info_checks_the_kernel_half), CASE(system_control_has_hooks_with_checks_only));
