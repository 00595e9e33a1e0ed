/*
 * system_info and log_write: when do they refuse, and what can they cost others when called without authority? And what
 * does the check of the kernel's invariants find?
 */
#include "kernel/abi/log.h"
#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "kernel/calls/check.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/worker.h"
#include "test/guest/lib/world.h"

static void system_info_refuses_unknown_topics(void) {
    const uint64_t topics[] = {64, 255, 256 + INFO_CPUS, 1ULL << 32 | INFO_CPUS, 1ULL << 63, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        struct result result = sys_system_info(topics[i], 0);
        CHECK_STATUS(result, E_ARG);
        CHECK_EQUAL(result.value, 0);
    }
}

static void system_info_refuses_unknown_cpus(void) {
    const uint64_t topics[] = {INFO_TIMER_TICKS, INFO_SWITCHES, INFO_NMIS};
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value;
    const uint64_t wrong[] = {cpus, 64, 1ULL << 32, 1ULL << 61, UINT64_MAX}; /* 2^61 pointers are 2^64 bytes */
    for (uint32_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        for (uint64_t cpu = 0; cpu < cpus; cpu++)
            CHECK_STATUS(sys_system_info(topics[i], cpu), OK);
        for (uint32_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
            CHECK_STATUS(sys_system_info(topics[i], wrong[k]), E_ARG);
    }
}

/* It finds the next occupied slot within a bounded number, none beyond the table, and none in other objects. */
static void system_info_finds_occupied_slots(void) {
    cap_t table = world_create(OBJECT_TABLE, 2048), small = world_create(OBJECT_TABLE, 8);
    const uint64_t occupied[] = {3, 4, 1027, 2047};
    for (uint32_t i = 0; i < 4; i++)
        CHECK_STATUS(sys_cap_copy(table, occupied[i], world.silence, RIGHTS_ALL, 0), OK);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 0)), 3);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 3)), 3);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 4)), 4);
    CHECK_VALUE(sys_system_info(INFO_NEXT_SLOT, RANGE(table, 5)), 1027); /* 1,023 slots later */
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
    const uint64_t wrong[] = {LOG_BYTES_MAX + 1, PAGE_BYTES, 1ULL << 32 | 1, UINT64_MAX};
    memset(program.message->data, '.', LOG_BYTES_MAX);
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_STATUS(sys_log_write(wrong[i]), E_ARG);
    CHECK_STATUS(sys_log_write(0), OK);
    CHECK_STATUS(sys_log_write(1), OK);
    CHECK_STATUS(sys_log_write(LOG_BYTES_MAX), OK);
}

static const volatile struct log_ring *map_ring(void) {
    uaddr_t at = world_addresses(LOG_RING_PAGES);
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, INIT_CAP_LOG, 0, LOG_RING_PAGES, at, MEMORY_READ), OK);
    return (const struct log_ring *)at;
}

static void unmap_ring(const volatile struct log_ring *ring) {
    CHECK_STATUS(sys_space_unmap(INIT_CAP_SPACE, (uaddr_t)ring, LOG_RING_PAGES), OK);
}

/* Is `text` in the last bytes of the log? */
static bool ring_ends_with(const volatile struct log_ring *ring, const char *text) {
    uint64_t length = strlen(text), start = ring->written - length;
    for (uint64_t i = 0; i < length; i++)
        if (ring->bytes[(start + i) % LOG_RING_BYTES] != text[i])
            return false;
    return true;
}

/* Write in[0] lines of in[1] bytes, as fast as possible. out: how many were accepted, and the last status. */
enum { FLOOD_TAKEN, FLOOD_STATUS };
static void flood(struct worker_view *view) {
    memset(view->message->data, 'x', LOG_BYTES_MAX);
    view->out[FLOOD_TAKEN] = 0;
    for (uint64_t i = 0; i < view->in[0]; i++) {
        struct result result = sys_log_write(view->in[1]);
        view->out[FLOOD_STATUS] = result.status;
        view->out[FLOOD_TAKEN] += result.status == OK;
        if (result.value != 0)
            (void)sys_log_write(0);
    }
}

static void run_flood(uint64_t lines, uint64_t bytes, uint64_t *ret_taken, uint64_t *ret_status) {
    struct worker worker;
    worker_start(&worker, (struct worker_plan){.code = flood, .own_space = true, .own_table = true});
    worker.view->in[0] = lines;
    worker.view->in[1] = bytes;
    worker_join(&worker);
    *ret_taken = worker.view->out[FLOOD_TAKEN];
    *ret_status = worker.view->out[FLOOD_STATUS];
}

/*
 * All threads of a pool together may write 12 KiB to the log, plus an allowance that grows with time. If more is lost,
 * the writer is told at once, and the log with the writer's next line. Others write as before.
 */
static void log_write_is_rationed(void) {
    const volatile struct log_ring *ring = map_ring();
    uint64_t taken, status, start = ring->written, lost = 0;
    test_limit_ms(60000);
    run_flood(200, LOG_BYTES_MAX, &taken, &status);
    CHECK_EQUAL(status, E_LIMIT);
    test_note("%lu lines of a flood were taken", taken);
    CHECK(taken >= 30 && taken <= 12288 / LOG_BYTES_MAX);
    CHECK(ring->written - start < LOG_RING_BYTES);
    lost += (200 - taken) * LOG_BYTES_MAX;
    run_flood(200, LOG_BYTES_MAX, &taken, &status); /* another thread of the pool */
    CHECK_EQUAL(taken, 0);
    lost += 200 * LOG_BYTES_MAX;
    uint64_t until_ns = world_now() + 400000000;
    while (world_now() < until_ns)
        ;
    run_flood(1, 1, &taken, &status);
    CHECK_EQUAL(taken, 1);
    CHECK(ring_ends_with(ring, " bytes lost) x\n"));
    memcpy(program.message->data, "still here", 10);
    CHECK_STATUS(sys_log_write(10), OK);
    CHECK_STATUS(sys_log_write(0), OK);
    CHECK(ring_ends_with(ring, "INFO user: still here\n"));
    test_note("of a flood of 102,400 bytes %lu were lost", lost);
    unmap_ring(ring);
}

/*
 * How much can a thread delay others if it has only its table and message page? It makes each call that needs no
 * capability, with each argument. suite.py compares the longest stay with the limit, in the kernel that users boot.
 */
static void everything(struct worker_view *view) {
    for (uint64_t topic = 0; topic < 32; topic++)
        view->out[0] += sys_system_info(topic, 0).status == OK;
    for (uint64_t operation = 0; operation < 5; operation++)
        view->out[1] += sys_system_control(0, operation, 0).status != E_CAP;
    memset(view->message->data, 'x', LOG_BYTES_MAX);
    for (uint64_t i = 0; i < 40; i++)
        view->out[2] += sys_log_write(LOG_BYTES_MAX).status == OK;
    view->out[3] = sys_clock_read().status;
}

static void calls_without_authority_are_short(void) {
    struct worker worker;
    worker_start(&worker, (struct worker_plan){.code = everything, .own_space = true, .own_table = true});
    (void)sys_system_info(INFO_LONGEST_STAY, 1); /* making a worker takes longer, but also authority */
    worker_join(&worker);
    CHECK(worker.view->out[0] > 8);
    CHECK_EQUAL(worker.view->out[1], 0);
    CHECK(worker.view->out[2] > 8);
    CHECK_EQUAL(worker.view->out[3], OK);
    struct result stay = sys_system_info(INFO_LONGEST_STAY, 0);
    if (stay.status == OK)
        test_note("the longest stay is %lu instructions, in call %lu", stay.value,
                  sys_system_info(INFO_LONGEST_CALL, 0).value);
}

/* The log's Memory can only be read, and shows what is written. */
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
    const volatile struct log_ring *ring = map_ring();
    uint64_t before = ring->written;
    memcpy(program.message->data, text, sizeof text - 1);
    CHECK_STATUS(sys_log_write(sizeof text - 1), OK);
    uint64_t end = ring->written;
    CHECK(before > 0 && end - before > sizeof text && ring->bytes[(end - 1) % LOG_RING_BYTES] == '\n');
    for (uint64_t i = 0; i < sizeof text - 1; i++)
        CHECK_EQUAL(ring->bytes[(end - sizeof text + i) % LOG_RING_BYTES], text[i]);
    unmap_ring(ring);
}

/* The invariant check visits every space. Here no thread uses the space, and an entry of its kernel half is changed. */
static void system_control_checks_the_kernel_half(void) {
    struct result whole = sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0);
    CHECK_STATUS(whole, test_checks_built() ? OK : E_CALL);
    for (uint64_t level = 1; test_checks_built() && level <= 4; level++) {
        struct control_corrupt what = {.space = world_create(OBJECT_SPACE, 0),
                                       .thread = INIT_CAP_THREAD,
                                       .check = AUDIT_GATE,
                                       .level = level,
                                       .flip = CONTROL_FLIP_WRITE};
        memcpy(program.message->data, &what, sizeof what);
        CHECK_STATUS(hook_test(CONTROL_TEST_CORRUPT, 0), OK);
        struct result broken = sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0);
        CHECK_STATUS(broken, E_STATE);
        CHECK_EQUAL(broken.value, INVARIANT_KERNEL_HALF);
        CHECK_STATUS(sys_cap_delete(0, what.space), OK);
        CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0), OK);
    }
}

/* The kernel that users boot has no test hooks: it checks nothing, and no failure can be provoked. */
static void system_control_has_hooks_with_checks_only(void) {
    CHECK_STATUS(hook_test(CONTROL_TEST_REFUSE, 0), test_checks_built() ? OK : E_CALL);
    CHECK_STATUS(hook_test(CONTROL_TEST_COUNT, 0), test_checks_built() ? E_ARG : E_CALL);
    CHECK_STATUS(sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0), test_checks_built() ? OK : E_CALL);
}

SUITE(CASE(system_info_refuses_unknown_topics), CASE(system_info_refuses_unknown_cpus),
      CASE(system_info_finds_occupied_slots), CASE(log_write_refuses_lengths), CASE(log_write_shows_in_the_ring),
      CASE(log_write_is_rationed), CASE(calls_without_authority_are_short), CASE(system_control_checks_the_kernel_half),
      CASE(system_control_has_hooks_with_checks_only));
