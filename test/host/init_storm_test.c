/* Ends and swaps at random, for tests: who is drawn, and when? */
#include "libsys/text/format.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "servers/init/storm.h"
#include "test/host/init_world.h"
#include "test/host/suite.h"

static void storms_are_asked_for(void) {
    struct storm_blow blow;
    static const char *const none[] = {
        "",          "storm",     "storm=",     "storm=7",     "storm=7,",      "storm=7,0",       "storm=x,7",
        "storm=7 7", "swap-at=7", "swap-at=7,", "swap-at=7,b", "swap-at=7,b, ", "swap-at=7,,path", "swap-at=0,b,path"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        begin(none[i], 2, three, 0);
        CHECK(!storm_draw(clock_ns, &blow) && storm_next_ns(clock_ns) == DEADLINE_NEVER);
    }
}

/* Of three, the second alone is named. The times are around the mean. */
static void a_storm_ends_whom_it_names(void) {
    struct storm_blow blow;
    uint64_t waited_ns = 0;
    begin("trace storm=7,4000,b quiet", 3, three, 0);
    the_manifest.programs[2].name[0] = 'b';
    the_manifest.programs[2].name[1] = 'c';
    CHECK_EQUAL(seen[1].stops, 0);
    CHECK(timer_ns > clock_ns + 3 * NS_PER_MS && timer_ns <= clock_ns + 4 * NS_PER_MS);
    for (uint32_t i = 1; i <= 1000; i++) {
        uint64_t before_ns = clock_ns;
        tick();
        CHECK_EQUAL(seen[1].stops, i);
        CHECK(clock_ns <= before_ns + 8 * NS_PER_MS + 10 * CLOCK_STEP_NS);
        waited_ns += clock_ns - before_ns;
    }
    CHECK(waited_ns > 3500 * NS_PER_MS && waited_ns < 4500 * NS_PER_MS);
    CHECK(seen[1].builds == 1000 && the_children[1].state == INIT_RUNNING);
    CHECK(seen[0].stops == 0 && seen[2].stops == 0);
    CHECK(!storm_draw(clock_ns, &blow) && storm_next_ns(clock_ns) == timer_ns); /* it is not time yet */
    the_manifest.programs[1].restart.limit = 0;
    CHECK(storm_draw(timer_ns, &blow) && blow.child == NULL && storm_next_ns(timer_ns) > timer_ns);
}

/* Two storms at once: each has its own seed, times and server. */
static void a_storm_swaps_whom_it_names(void) {
    begin("swaps=7,4000,b storm=8,16000,c", 3, three, 0);
    for (uint32_t i = 0; i < 1000; i++)
        tick();
    CHECK(seen[0].swaps == 0 && seen[0].stops == 0 && seen[1].stops == 0 && seen[2].swaps == 0);
    CHECK(seen[1].swaps > 700 && seen[2].stops > 150);
    CHECK_EQUAL(seen[1].swaps + seen[2].stops, 1000);
}

/* Each once, at its time, and the reason is told if it can't be done. */
static void one_swap_at_one_time(void) {
    begin("swap-at=4000,b,bin/b_flat x swap-at=9000,b,bin/b swap-at=9000,c,bin/c quiet", 3, three, 0);
    uint64_t begun_ns = clock_ns;
    CHECK_EQUAL(seen[1].swaps, 0);
    tick();
    CHECK(seen[1].swaps == 1 && strcmp(seen[1].path, "bin/b_flat") == 0 && seen[2].swaps == 0);
    CHECK(clock_ns >= begun_ns + 4 * NS_PER_MS - 20 * CLOCK_STEP_NS && clock_ns < begun_ns + 5 * NS_PER_MS);
    CHECK(strcmp(last_line, "init: --swap-at: not swapped for bin/b_flat: it is this test") == 0);
    the_manifest.programs[2].restart.limit = 0;
    tick();
    CHECK(seen[1].swaps == 2 && strcmp(seen[1].path, "bin/b") == 0 && seen[2].swaps == 0);
    CHECK(strcmp(last_line, "init: --swap-at: not swapped for bin/c: there is no such server that can be swapped") ==
          0);
    CHECK_EQUAL(timer_ns, DEADLINE_NEVER);
}

/* More words than there is room for are left out, and nothing else is. */
static void storms_are_few(void) {
    char command[512] = "";
    for (uint32_t i = 0; i <= STORM_PLANS_MAX; i++)
        (void)format_into(command + strlen(command), sizeof command - strlen(command), "swap-at=%u,b,bin/%u ", i + 1,
                          i);
    begin(command, 2, three, 0);
    for (uint32_t i = 0; i < STORM_PLANS_MAX && timer_ns != DEADLINE_NEVER; i++)
        tick();
    CHECK(seen[1].swaps == STORM_PLANS_MAX && strcmp(seen[1].path, "bin/9") == 0 && timer_ns == DEADLINE_NEVER);
}

SUITE(CASE(one_swap_at_one_time), CASE(storms_are_few), CASE(storms_are_asked_for), CASE(a_storm_ends_whom_it_names),
      CASE(a_storm_swaps_whom_it_names));
