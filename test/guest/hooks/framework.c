/*
 * Cases that fail on purpose, in each way that the framework has to notice. The last one depends on the command line's
 * word last=N: 0 = fault, 1 = hang. test_hooks.py knows the expected output.
 */
#include "kernel/abi/system.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define FORGOTTEN_SLOT (INIT_TABLE_SLOTS - 1) /* the framework hands it out last */
#define NOWHERE 0x5000000000ULL

static void passes(void) { CHECK(true); }

static void fails_a_check(void) {
    CHECK_EQUAL(1 + 1, 3);
    CHECK_STATUS(sys_cap_revoke(world_slot()), OK);
    test_row("a row");
    CHECK_VALUE(sys_system_info(INFO_CPUS, 0), 77);
}

static void leaks_an_object(void) {
    CHECK_STATUS(sys_object_create(INIT_CAP_POOL, OBJECT_ENDPOINT, 0, FORGOTTEN_SLOT), OK);
}

static void leaks_a_frame(void) {
    CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, world_memory(1), 0, 1, NOWHERE, MEMORY_READ), OK);
}

static void has_a_worker_that_faults(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = (worker_code *)NOWHERE});
    worker_resume(&worker);
    CHECK(worker_await(&worker, THREAD_IN_FAULT));
}

static void tells_the_seed(void) { test_note("random 0x%lx", random_next()); }

static void ends_badly(void) {
    if (world_command_number("last", 0) == 0)
        *(volatile uint64_t *)(NOWHERE + 0x1000) = 1;
    for (;;)
        ;
}

SUITE(CASE(passes), CASE(fails_a_check), CASE(leaks_an_object), CASE(leaks_a_frame), CASE(has_a_worker_that_faults),
      CASE(tells_the_seed), CASE(ends_badly));
