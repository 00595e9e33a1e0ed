/*
 * What happens to a system call when the kernel has no memory for it, at each place where it asks for some?
 *
 * "Fail at k": the pools refuse the k-th request (CONTROL_TEST_REFUSE) for k = 1, 2, 3, ... until the call succeeds.
 * Each failure must be E_MEMORY and leave nothing changed: bytes of the pool, frames, capabilities, mappings,
 * invariants. Each row says how many requests there are, so that a call that makes none is noticed, too.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define MIB_2 (1ULL << 21)
#define GIB_1 (1ULL << 30)
#define GIB_512 (1ULL << 39)
#define SOMEWHERE (4 * GIB_512)
#define LARGE_PAGES 512U
#define REQUESTS_MAX 16U /* no call makes more */

/* One system call under test, with its arguments. */
struct attempt {
    struct result (*call)(const struct attempt *attempt);
    cap_t pool, space, memory, slot;
    uint64_t type, argument;
    uaddr_t at;
    uint64_t page_count, rights;
};

/* The results of space_query around the call's address. */
#define PROBES 8U
struct picture {
    struct hook_counts counts;
    struct space_walk walks[PROBES];
    uint64_t present[PROBES];
};

static void take_picture(const struct attempt *attempt, struct picture *ret_picture) {
    memset(ret_picture, 0, sizeof *ret_picture);
    ret_picture->counts = hook_counts(attempt->pool);
    for (uint32_t i = 0; attempt->space != 0 && i < PROBES; i++) {
        uaddr_t at = attempt->at + (attempt->page_count * i / (PROBES - 2)) * PAGE_BYTES - PAGE_BYTES;
        struct result result = sys_space_query(attempt->space, at);
        CHECK_STATUS(result, OK);
        ret_picture->present[i] = result.value;
        memcpy(&ret_picture->walks[i], program.message->data, sizeof(struct space_walk));
    }
}

static void check_picture(const struct attempt *attempt, const struct picture *before) {
    struct picture after;
    take_picture(attempt, &after);
    CHECK(memcmp(&after.walks, &before->walks, sizeof after.walks) == 0);
    CHECK(memcmp(&after.present, &before->present, sizeof after.present) == 0);
    hook_check_counts(attempt->pool, &before->counts);
}

/* Let each of the call's `requests` requests fail once. Then the call succeeds. */
static void refuse_each(const struct attempt *attempt, uint64_t requests) {
    struct picture before;
    uint64_t refused = 0;
    take_picture(attempt, &before);
    for (uint64_t k = 1; k <= REQUESTS_MAX; k++) {
        CHECK_STATUS(hook_test(CONTROL_TEST_REFUSE, k), OK);
        struct result result = attempt->call(attempt);
        CHECK_STATUS(hook_test(CONTROL_TEST_REFUSE, 0), OK);
        if (result.status == OK)
            break;
        CHECK_STATUS(result, E_MEMORY);
        check_picture(attempt, &before);
        refused++;
    }
    CHECK_EQUAL(refused, requests);
}

/* ---- object_create ---- */

static struct result create(const struct attempt *attempt) {
    return sys_object_create(attempt->pool, attempt->type, attempt->argument, attempt->slot);
}

/* Create the object alone in its pool, and beside others, whose slabs have room. Afterwards all is freed. */
static void create_refused(enum object_type type, uint64_t argument, uint64_t alone, uint64_t beside) {
    struct attempt attempt = {.call = create, .pool = world.pool, .type = type, .argument = argument};
    CHECK_STATUS(sys_cap_delete(0, world.faults), OK); /* now the pool is empty: no slab with room in it */
    CHECK_VALUE(sys_system_info(INFO_POOL_USED, world.pool), 0);
    attempt.slot = world_slot();
    refuse_each(&attempt, alone);
    cap_t first = attempt.slot;
    attempt.slot = world_slot();
    refuse_each(&attempt, beside);
    CHECK_STATUS(sys_cap_delete(0, first), OK);
    CHECK_STATUS(sys_cap_delete(0, attempt.slot), OK);
    CHECK_VALUE(sys_system_info(INFO_POOL_USED, world.pool), 0);
    CHECK_STATUS(sys_object_create(world.pool, OBJECT_ENDPOINT, 0, world.faults), OK);
}

static void object_create_refused_an_endpoint(void) { create_refused(OBJECT_ENDPOINT, 0, 2, 1); }
static void object_create_refused_a_notification(void) { create_refused(OBJECT_NOTIFICATION, 0, 2, 1); }
static void object_create_refused_a_thread(void) { create_refused(OBJECT_THREAD, 0, 1, 1); }
static void object_create_refused_a_space(void) { create_refused(OBJECT_SPACE, 0, 3, 2); }

/* A table takes a piece or run of pages for its slots, and a piece for the object. Larger tables are cleared in steps,
 * each of which makes the requests again. */
static void object_create_refused_a_table(void) {
    for (uint64_t slots = TABLE_SLOTS_MIN; slots <= 4096; slots *= 2) {
        bool is_run = slots * 32 > 1024; /* bytes */
        create_refused(OBJECT_TABLE, slots, is_run ? 3 : 4, 2);
    }
}

/* A pool itself lives in its own frames. */
static struct result create_pool(const struct attempt *attempt) {
    return sys_pool_create(world.region, attempt->argument, 4, attempt->slot);
}

static void pool_create_asks_no_pool(void) {
    struct attempt attempt = {.call = create_pool, .pool = world.pool, .slot = world_slot()};
    attempt.argument = world_frames(4);
    refuse_each(&attempt, 0);
}

/* ---- mappings ---- */

static struct result map(const struct attempt *attempt) {
    return sys_space_map(attempt->space, attempt->memory, 0, attempt->page_count, attempt->at, attempt->rights);
}

static struct attempt mapping(struct result (*call)(const struct attempt *), uint64_t page_count) {
    return (struct attempt){.call = call,
                            .pool = world.pool,
                            .space = world_create(OBJECT_SPACE, 0),
                            .page_count = page_count,
                            .rights = READ_WRITE};
}

/* All missing tables are requested at once; a page whose tables exist requests none. */
static void space_map_refused(void) {
    const struct {
        uaddr_t at;
        uint64_t tables, requests;
    } rows[] = {{SOMEWHERE + GIB_1 + 8 * PAGE_BYTES, 3, 1},
                {SOMEWHERE + GIB_1 + 10 * PAGE_BYTES, 0, 0},
                {SOMEWHERE + GIB_1 + MIB_2 - PAGE_BYTES, 1, 1}, /* across the edge of an existing table */
                {SOMEWHERE + GIB_1 - PAGE_BYTES, 2, 1},
                {SOMEWHERE + 2 * GIB_512, 3, 1},
                {SOMEWHERE + 4 * GIB_512 + MIB_2 - PAGE_BYTES, 4, 1},
                {SOMEWHERE + 8 * GIB_512 + GIB_1 - PAGE_BYTES, 5, 1},
                {SOMEWHERE + 16 * GIB_512 - PAGE_BYTES, 6, 1}};
    struct attempt attempt = mapping(map, 2);
    attempt.memory = world_memory(2);
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        attempt.at = rows[i].at;
        uint64_t used = sys_system_info(INFO_POOL_USED, world.pool).value;
        refuse_each(&attempt, rows[i].requests);
        CHECK_EQUAL(sys_system_info(INFO_POOL_USED, world.pool).value, used + rows[i].tables * PAGE_BYTES);
    }
}

static void space_map_refused_a_large_page(void) {
    struct attempt attempt = mapping(map, LARGE_PAGES);
    attempt.memory = hook_large_memory(1);
    const struct {
        uaddr_t at;
        uint64_t requests;
    } rows[] = {{SOMEWHERE, 1}, {SOMEWHERE + MIB_2, 0}, {SOMEWHERE + GIB_1, 1}, {SOMEWHERE + GIB_512, 1}};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        attempt.at = rows[i].at;
        refuse_each(&attempt, rows[i].requests);
    }
}

static struct result unmap(const struct attempt *attempt) {
    return sys_space_unmap(attempt->space, attempt->at, attempt->page_count);
}

static struct result protect(const struct attempt *attempt) {
    return sys_space_protect(attempt->space, attempt->at, attempt->page_count, attempt->rights);
}

/* Map large pages from SOMEWHERE on, then change a part: at the front, in the middle, at the end, across two. */
static void split_refused(struct result (*call)(const struct attempt *)) {
    const struct {
        uint64_t first_page, page_count, tables;
    } rows[] = {{0, 1, 1},
                {5, 100, 1},
                {LARGE_PAGES - 1, 1, 1},
                {LARGE_PAGES - 1, 2, 2},
                {1, LARGE_PAGES, 2},
                {0, LARGE_PAGES, 0}, /* a whole one is not split */
                {1, LARGE_PAGES - 1, 1}};
    cap_t memory = hook_large_memory(2);
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct attempt attempt = mapping(call, rows[i].page_count);
        for (uint64_t large = 0; large < 2; large++)
            CHECK_STATUS(sys_space_map(attempt.space, memory, large * LARGE_PAGES, LARGE_PAGES,
                                       SOMEWHERE + large * MIB_2, READ_WRITE),
                         OK);
        attempt.at = SOMEWHERE + rows[i].first_page * PAGE_BYTES;
        attempt.rights = MEMORY_READ;
        uint64_t mapped = sys_system_info(INFO_FRAMES_MAPPED, 0).value;
        refuse_each(&attempt, rows[i].tables > 0);
        uint64_t gone = call == unmap ? rows[i].page_count : 0;
        CHECK_VALUE(sys_system_info(INFO_FRAMES_MAPPED, 0), mapped - gone);
        CHECK_STATUS(sys_cap_delete(0, attempt.space), OK);
    }
}

static void space_unmap_refused_the_split_of_a_large_page(void) { split_refused(unmap); }
static void space_protect_refused_the_split_of_a_large_page(void) { split_refused(protect); }

/* ---- calls that take no memory: the refusal waits for the next call that does ---- */

static void calls_that_take_nothing_are_not_refused(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing, .own_space = true});
    cap_t memory = world_memory(1), slot = world_slots(4);
    struct thread_registers entry = worker_entry_state(&worker, role_nothing);
    struct thread_config config = {.priority = PRIORITY_WORKER};
    CHECK_STATUS(hook_test(CONTROL_TEST_REFUSE, 1), OK);
    CHECK_STATUS(sys_cap_copy(0, slot, world.faults, RIGHTS_ALL, 0), OK);
    CHECK_STATUS(sys_cap_move(0, slot + 1, slot), OK);
    CHECK_STATUS(sys_memory_derive(memory, 0, 1, slot, RIGHTS_ALL), OK);
    CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_PRIORITY), OK);
    CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, 0), OK);
    CHECK_STATUS(sys_signal_timer(world.silence, 1, world_now() + 1000000000), OK);
    CHECK_STATUS(sys_signal_timer(world.silence, 0, DEADLINE_NEVER), OK);
    worker_resume(&worker);
    worker_join(&worker); /* a fault message and its wait */
    CHECK_STATUS(sys_cap_revoke(memory), OK);
    CHECK_STATUS(sys_object_create(world.pool, OBJECT_ENDPOINT, 0, slot + 2), E_MEMORY);
    CHECK_STATUS(sys_object_create(world.pool, OBJECT_ENDPOINT, 0, slot + 2), OK);
}

SUITE(CASE(object_create_refused_an_endpoint), CASE(object_create_refused_a_notification),
      CASE(object_create_refused_a_thread), CASE(object_create_refused_a_space), CASE(object_create_refused_a_table),
      CASE(pool_create_asks_no_pool), CASE(space_map_refused), CASE(space_map_refused_a_large_page),
      CASE(space_unmap_refused_the_split_of_a_large_page), CASE(space_protect_refused_the_split_of_a_large_page),
      CASE(calls_that_take_nothing_are_not_refused));
