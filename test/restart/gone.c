/*
 * A server that does not come back. Its clients are told so, now and later.
 */
#include "libsys/program/program.h"
#include "test/restart/suite.h"

static void check_gone(cap_t at) {
    struct mortal_swap_reply text;
    cap_t own;
    CHECK_STATUS(add(at, 0, 1, NULL), P_GONE);
    CHECK_STATUS(swap_text(at, 0, 100, &text), P_GONE);
    CHECK_STATUS(open_own(at, 0, &own), P_GONE);
}

/* It is started as often as its manifest says, and each time a while after its end. */
static void server_that_dies_at_each_start_is_gone(void) {
    cap_t at = server("brittle"), own;
    const struct mortal_doom_request always = {.starts = MORTAL_ALWAYS};
    struct caller parked = {.at = at, .changes = MORTAL_HAND}, queued = {.at = at, .changes = MORTAL_HAND};
    uint64_t count;
    CHECK_STATUS(open_own(at, 0, &own), OK);
    CHECK_STATUS(give(at, 0, own, &count), OK);
    caller_park(&parked, 1);
    doom(at, &always);
    uint64_t begin_ns = sys_clock_read().value;
    struct caller victim = {.at = at, .death = new_death(1, MORTAL_HALF_WAY)};
    caller_start(&victim);
    doze(BRITTLE_BACKOFF_MS * NS_PER_MS / 2);
    CHECK_EQUAL(entry_of("brittle").state, INIT_FAULTED);
    CHECK_STATUS(restart("brittle"), P_BUSY);
    caller_start(&queued);
    CHECK_STATUS(caller_join(&victim), P_GONE);
    CHECK(sys_clock_read().value - begin_ns >= BRITTLE_LIMIT * BRITTLE_BACKOFF_MS * NS_PER_MS);
    CHECK_STATUS(caller_join(&parked), P_GONE);
    CHECK_STATUS(caller_join(&queued), P_GONE);
    struct init_list_reply entry = entry_of("brittle");
    CHECK_EQUAL(entry.state, INIT_GONE);
    CHECK_EQUAL(entry.restart_count, BRITTLE_LIMIT);
    CHECK_EQUAL(entry.end, INIT_FAULT);
    CHECK(log_says("init: brittle: restarted 3 times within 60000 ms: it stays away"));
    check_gone(at);
    check_gone(own);
    CHECK_STATUS(give(at, 0, server("mortal"), &count), P_GONE);
    CHECK_STATUS(restart("brittle"), P_GONE);
    slot_drop(&own);
    CHECK_STATUS(add(server("mortal"), 0, 1, NULL), OK);
}

static const struct test_case cases[] = {CASE(server_that_dies_at_each_start_is_gone)};
GROUP(gone);
