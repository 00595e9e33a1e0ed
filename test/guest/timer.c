/*
 * Who pays when thousands of timers fire at once? A deadline has the priority of the thread that waits or has set the
 * timer. By this priority it takes time from other threads, and may be late itself.
 *
 * The machine counts time in instructions, one per ns. A thread notices an interruption when two of its readings of
 * the clock are far apart.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define MANY 8000U
#define SLOTS 16384U
#define PRIORITY_LOW 1U
#define LIMIT_MS 60000U
#define SETTING_NS 100000000U /* the time in which all are set */
#define FLOOD_NS 60000000U    /* the time in which all have fired, if their priority may run */

#define GAP_NS 1500U        /* more than the clock's own call takes, or a bare interrupt */
#define PIECE_NS_MIN 10000U /* the least time for user code between two batches */
#define LATE_NS_MAX 20000U
#define LOW_SHARE 100U /* deadlines of lower priority take at most 1/LOW_SHARE of the time */

enum { FLOOD_POOL, FLOOD_TABLE, FLOOD_SLOT };

/* Set in[1] timers, one per ns from in[0] on. Then return or, if in[2], run for ever. */
static void set_timers(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[1]; i++) {
        if (sys_object_create(view->caps[FLOOD_POOL], OBJECT_NOTIFICATION, 0, view->caps[FLOOD_SLOT]).status != OK ||
            sys_signal_timer(view->caps[FLOOD_SLOT], 1, view->in[0] + i).status != OK ||
            sys_cap_move(view->caps[FLOOD_TABLE], 1 + i, view->caps[FLOOD_SLOT]).status != OK)
            return;
        view->out[0]++;
    }
    while (view->in[2] != 0)
        view->out[1]++;
}

struct flood {
    struct worker setter;
    cap_t pool, table;
    uint64_t when_ns, count;
};

/* Start a thread of this priority that sets `count` timers for the same moment, which is returned.
 * spins: it still runs then. */
static void start_flood(struct flood *flood, uint64_t priority, uint64_t count, bool spins) {
    test_limit_ms(LIMIT_MS);
    *flood = (struct flood){.pool = world_pool(512), .table = world_slot(), .count = count};
    CHECK_STATUS(sys_pool_extend(flood->pool, world.region, world_frames(512), 512), OK);
    CHECK_STATUS(sys_object_create(flood->pool, OBJECT_TABLE, SLOTS, flood->table), OK);
    worker_make(&flood->setter, (struct worker_plan){.code = set_timers, .priority = priority});
    struct worker_view *view = flood->setter.view;
    view->caps[FLOOD_POOL] = flood->pool, view->caps[FLOOD_TABLE] = flood->table, view->caps[FLOOD_SLOT] = world_slot();
    flood->when_ns = world_now() + SETTING_NS;
    view->in[0] = flood->when_ns, view->in[1] = count, view->in[2] = spins;
    worker_resume(&flood->setter);
    if (spins)
        worker_let_run(SETTING_NS * 9 / 10);
    else
        worker_join(&flood->setter);
    CHECK_EQUAL(view->out[0], count);
    CHECK(world_now() < flood->when_ns);
}

static void end_flood(const struct flood *flood) { CHECK_STATUS(sys_cap_delete(0, flood->pool), OK); }

struct gaps {
    uint64_t count, lost_ns, longest_ns, shortest_piece_ns, first_ns, last_ns;
};

/* Run until `until_ns`, and measure the gaps that others cause. */
static struct gaps watch_clock(uint64_t until_ns) {
    struct gaps gaps = {.shortest_piece_ns = UINT64_MAX};
    for (uint64_t now_ns, before_ns = world_now(); before_ns < until_ns; before_ns = now_ns) {
        now_ns = world_now();
        uint64_t gap_ns = now_ns - before_ns;
        if (gap_ns < GAP_NS)
            continue;
        uint64_t piece_ns = before_ns - gaps.last_ns;
        if (gaps.count > 0 && piece_ns < gaps.shortest_piece_ns)
            gaps.shortest_piece_ns = piece_ns;
        gaps.first_ns = gaps.count == 0 ? before_ns : gaps.first_ns;
        gaps.last_ns = now_ns;
        gaps.longest_ns = gap_ns > gaps.longest_ns ? gap_ns : gaps.longest_ns;
        gaps.lost_ns += gap_ns;
        gaps.count++;
    }
    test_note("%lu interruptions, %lu of %lu ns lost, %lu ns at most in one piece, %lu ns at least between two",
              gaps.count, gaps.lost_ns, gaps.last_ns - gaps.first_ns, gaps.longest_ns,
              gaps.count > 1 ? gaps.shortest_piece_ns : 0);
    return gaps;
}

static void signal_timer_of_lower_priority_takes_next_to_nothing(void) {
    struct flood flood;
    start_flood(&flood, PRIORITY_LOW, MANY, false);
    struct gaps gaps = watch_clock(flood.when_ns + FLOOD_NS);
    CHECK(gaps.count > 0); /* the timers do fire */
    CHECK(gaps.longest_ns <= TEST_STAY_LIMIT);
    CHECK(gaps.lost_ns * LOW_SHARE <= FLOOD_NS);
    end_flood(&flood);
}

/* Timers of an equal priority fire first, but not all in one batch. */
static void signal_timer_of_an_equal_leaves_user_code_its_time(void) {
    struct flood flood;
    start_flood(&flood, PRIORITY_MAIN, MANY, false);
    struct gaps gaps = watch_clock(flood.when_ns + FLOOD_NS);
    CHECK(gaps.count > 0);
    CHECK(gaps.longest_ns <= TEST_STAY_LIMIT);
    CHECK(gaps.shortest_piece_ns >= PIECE_NS_MIN);
    end_flood(&flood);
}

/* Check that the main thread's waits end in time during the flood. */
static void wait_in_flood(const struct flood *flood, const char *where) {
    uint64_t latest_ns = 0, waits = 0;
    for (uint64_t at_ns = flood->when_ns; at_ns < flood->when_ns + 15000000; at_ns += 50000 + waits % 97 * 211) {
        CHECK_STATUS(sys_signal_wait(world.silence, at_ns), E_TIMEOUT);
        uint64_t late_ns = world_now() - at_ns;
        latest_ns = late_ns > latest_ns ? late_ns : latest_ns;
        waits++;
    }
    test_note("%s: %lu waits, the latest ended %lu ns late", where, waits, latest_ns);
    CHECK(latest_ns <= LATE_NS_MAX);
}

static void signal_wait_ends_in_time_before_timers_of_lower_priority(void) {
    static const bool spins[] = {false, true};
    for (uint32_t row = 0; row < 2; row++) {
        struct flood flood;
        start_flood(&flood, PRIORITY_LOW, MANY, spins[row]);
        wait_in_flood(&flood, spins[row] ? "their thread runs" : "idle");
        end_flood(&flood);
        if (spins[row])
            CHECK_STATUS(sys_thread_suspend(flood.setter.thread, 0), OK);
    }
}

#define FEW 100U

/* Set the timers of FEW notifications from caps[0] on. */
static void set_few(struct worker_view *view) {
    for (uint64_t i = 0; i < FEW; i++)
        view->out[0] += sys_signal_timer(view->caps[0] + i, 1, view->in[0]).status == OK;
}

static void start_few(struct worker *setter, cap_t first, uint64_t when_ns) {
    for (uint64_t i = 0; i < FEW; i++)
        CHECK_STATUS(sys_object_create(world.pool, OBJECT_NOTIFICATION, 0, first + i), OK);
    worker_make(setter, (struct worker_plan){.code = set_few, .priority = PRIORITY_LOW});
    setter->view->caps[0] = first;
    setter->view->in[0] = when_ns;
    worker_resume(setter);
    worker_join(setter);
    CHECK_EQUAL(setter->view->out[0], FEW);
    CHECK(world_now() < when_ns);
}

static uint64_t count_raised(cap_t first) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < FEW; i++)
        count += sys_signal_poll(first + i).status == OK;
    return count;
}

/* A timer of lower priority may be late while a higher thread runs, but it fires: another thread may wait for it. */
static void signal_timer_of_lower_priority_comes_all_the_same(void) {
    struct worker setter;
    cap_t first = world_slots(FEW);
    uint64_t when_ns = world_now() + 10000000;
    start_few(&setter, first, when_ns);
    watch_clock(when_ns + 500000);
    uint64_t at_once = count_raised(first);
    watch_clock(when_ns + 40000000);
    uint64_t later = count_raised(first);
    test_note("%lu of %u came at once, %lu later", at_once, FEW, later);
    CHECK(at_once > 0);
    CHECK_EQUAL(at_once + later, FEW);
}

/* After its thread's end a timer keeps the priority, and fires. */
static void signal_timer_outlives_its_thread(void) {
    struct worker setter;
    cap_t first = world_slots(FEW);
    uint64_t when_ns = world_now() + 10000000;
    start_few(&setter, first, when_ns);
    CHECK_STATUS(sys_cap_revoke(setter.thread), OK);
    CHECK_STATUS(sys_cap_delete(0, setter.thread), OK);
    worker_let_run(20000000);
    CHECK_EQUAL(count_raised(first), FEW);
}

/* When a waiting thread gets a higher priority, its deadline moves ahead of its old priority's timers. */
static void thread_configure_priority_takes_the_deadline_along(void) {
    struct flood flood;
    struct worker waiter;
    start_flood(&flood, PRIORITY_LOW, MANY, false);
    worker_make(&waiter, (struct worker_plan){.code = role_signal_wait, .priority = PRIORITY_LOW});
    waiter.view->caps[0] = world.silence;
    uint64_t at_ns = waiter.view->in[0] = flood.when_ns + 1000000;
    worker_resume(&waiter);
    CHECK(worker_await(&waiter, THREAD_IN_SIGNAL));
    struct thread_config config = {.priority = PRIORITY_MAIN};
    CHECK_STATUS(worker_configure(waiter.thread, &config, THREAD_PRIORITY), OK);
    watch_clock(at_ns + 3 * 10000000); /* a time slice, and more */
    CHECK_EQUAL(waiter.view->out[SIGNAL_STATUS], E_TIMEOUT);
    worker_join(&waiter);
    end_flood(&flood);
}

/* When a waiting thread moves, its deadline moves, too: the old CPU may be busy with higher
 * threads, and the new one asleep. */
static void thread_configure_cpu_takes_the_deadline_along(void) {
    struct flood flood;
    struct worker waiter;
    if (sys_system_info(INFO_CPUS, 0).value < 2) {
        test_note("one CPU");
        return;
    }
    start_flood(&flood, PRIORITY_LOW, MANY, false);
    worker_make(&waiter, (struct worker_plan){.code = role_signal_wait, .priority = PRIORITY_LOW});
    waiter.view->caps[0] = world.silence;
    uint64_t at_ns = waiter.view->in[0] = flood.when_ns + 1000000;
    worker_resume(&waiter);
    CHECK(worker_await(&waiter, THREAD_IN_SIGNAL));
    struct thread_config config = {.cpu = 1};
    CHECK_STATUS(worker_configure(waiter.thread, &config, THREAD_CPU), OK);
    CHECK(world_comes(&waiter.view->out[SIGNAL_ENDED_NS], 1,
                      at_ns + 1000000)); /* this lets the emulator run the other CPU */
    CHECK_EQUAL(waiter.view->out[SIGNAL_STATUS], E_TIMEOUT);
    CHECK(waiter.view->out[SIGNAL_ENDED_NS] - at_ns <= LATE_NS_MAX);
    worker_join(&waiter);
    end_flood(&flood);
}

SUITE(CASE(signal_timer_of_lower_priority_takes_next_to_nothing),
      CASE(signal_timer_of_an_equal_leaves_user_code_its_time),
      CASE(signal_wait_ends_in_time_before_timers_of_lower_priority),
      CASE(signal_timer_of_lower_priority_comes_all_the_same), CASE(signal_timer_outlives_its_thread),
      CASE(thread_configure_priority_takes_the_deadline_along), CASE(thread_configure_cpu_takes_the_deadline_along));
