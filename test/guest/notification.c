/*
 * signal_raise, signal_wait, signal_poll, signal_timer: are bits raised once and taken once, in time?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/arguments.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define SHORT_NS 3000000ULL
#define LATE_NS 500000000ULL /* however busy the host is */
#define FAR_NS 3600000000000ULL

static void signal_raise_gathers_bits(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_signal_poll(notification), E_EMPTY);
    CHECK_STATUS(sys_signal_raise(notification, 1), OK);
    CHECK_STATUS(sys_signal_raise(notification, 1ULL << 63), OK);
    CHECK_STATUS(sys_signal_raise(notification, 1), OK);
    CHECK_VALUE(sys_signal_poll(notification), 1ULL << 63 | 1);
    CHECK_STATUS(sys_signal_poll(notification), E_EMPTY);
    CHECK_STATUS(sys_signal_raise(notification, UINT64_MAX), OK);
    CHECK_VALUE(sys_signal_wait(notification, 0), UINT64_MAX);
    CHECK_STATUS(sys_signal_wait(notification, 0), E_TIMEOUT);
    CHECK_STATUS(sys_signal_raise(notification, 0), E_ARG);
}

static uint64_t call_raise(cap_t cap) { return sys_signal_raise(cap, 1).status; }
static uint64_t call_poll(cap_t cap) { return sys_signal_poll(cap).status; }
static uint64_t call_wait(cap_t cap) { return sys_signal_wait(cap, 0).status; }
static uint64_t call_timer(cap_t cap) { return sys_signal_timer(cap, 1, DEADLINE_NEVER).status; }

static void signal_calls_refuse_wrong_capabilities(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    cap_t no_raise = world_copy(notification, NOTIFICATION_WAIT, 0),
          no_wait = world_copy(notification, NOTIFICATION_RAISE, 0);
    argument_check("signal_raise", call_raise, no_raise);
    argument_check("signal_poll", call_poll, no_wait);
    argument_check("signal_wait", call_wait, no_wait);
    argument_check("signal_timer", call_timer, no_wait);
    CHECK_STATUS(sys_signal_timer(no_raise, 1, DEADLINE_NEVER), E_RIGHTS);
}

/* Setting a timer raises its bits later, so the badge limits them as in signal_raise. */
static void signal_timer_raises_no_bits_beyond_the_badge(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0), narrow = world_copy(notification, RIGHTS_ALL, 5);
    CHECK_STATUS(sys_signal_timer(narrow, 2, 0), E_RIGHTS);
    CHECK_STATUS(sys_signal_timer(narrow, 7, world_now()), E_RIGHTS);
    worker_let_run(SHORT_NS);
    CHECK_STATUS(sys_signal_poll(notification), E_EMPTY);
    CHECK_STATUS(sys_signal_timer(narrow, 5, 0), OK);
    CHECK_VALUE(sys_signal_wait(notification, world_soon()), 5);
}

static void signal_raise_wakes_a_waiter(void) {
    struct worker worker;
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    role_start_wait(&worker, (struct worker_plan){.own_space = true, .own_table = true}, role_signal_wait,
                    notification);
    CHECK(worker_await(&worker, THREAD_IN_SIGNAL));
    CHECK_STATUS(sys_signal_raise(notification, 0x21), OK);
    CHECK_STATUS(sys_signal_poll(notification), E_EMPTY); /* the waiter has taken them */
    worker_join(&worker);
    CHECK_STATUS(worker.view->out[SIGNAL_STATUS], OK);
    CHECK_EQUAL(worker.view->out[SIGNAL_BITS], 0x21);
}

/* One raise wakes one waiter: the one of highest priority, and among equals the first. */
static void signal_raise_wakes_waiters_in_order(void) {
    enum { WAITERS = 5 };
    static const uint64_t priorities[WAITERS] = {10, 14, 12, 14, 10};
    static const uint32_t order[WAITERS] = {1, 3, 2, 0, 4};
    struct worker workers[WAITERS];
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    for (uint32_t i = 0; i < WAITERS; i++) {
        role_start_wait(&workers[i], (struct worker_plan){.priority = priorities[i]}, role_signal_wait, notification);
        CHECK(worker_await(&workers[i], THREAD_IN_SIGNAL));
    }
    for (uint32_t i = 0; i < WAITERS; i++)
        CHECK_STATUS(sys_signal_raise(notification, 1ULL << i), OK);
    CHECK_STATUS(sys_signal_poll(notification), E_EMPTY);
    for (uint32_t i = 0; i < WAITERS; i++) {
        worker_join(&workers[order[i]]);
        CHECK_EQUAL(workers[order[i]].view->out[SIGNAL_BITS], 1ULL << i);
    }
}

static void cap_delete_of_a_notification_ends_all_waits(void) {
    enum { WAITERS = 4 };
    struct worker workers[WAITERS];
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    for (uint32_t i = 0; i < WAITERS; i++)
        role_start_wait(&workers[i], (struct worker_plan){0}, role_signal_wait, notification);
    CHECK(worker_await(&workers[WAITERS - 1], THREAD_IN_SIGNAL));
    CHECK_STATUS(sys_signal_timer(notification, 1, world_now() + FAR_NS), OK); /* and its timer */
    CHECK_STATUS(sys_cap_revoke(notification), OK);
    CHECK_EQUAL(worker_read(workers[0].thread).run_state, THREAD_IN_SIGNAL);
    CHECK_STATUS(sys_cap_delete(0, notification), OK);
    for (uint32_t i = 0; i < WAITERS; i++) {
        worker_join(&workers[i]);
        CHECK_STATUS(workers[i].view->out[SIGNAL_STATUS], E_PEER);
        CHECK_EQUAL(workers[i].view->out[SIGNAL_BITS], 0);
    }
}

/* ---- time ---- */

static void check_came_at(uint64_t deadline_ns, uint64_t ended_ns) {
    CHECK(ended_ns >= deadline_ns);
    if (!CHECK(ended_ns < deadline_ns + LATE_NS))
        test_note("%lu us late", (ended_ns - deadline_ns) / 1000);
}

static void signal_wait_ends_at_its_deadline(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    const uint64_t waits_ns[] = {0, 1, 1000, 50000, 1000000, 3333333, 20000000};
    for (uint32_t i = 0; i < sizeof waits_ns / sizeof waits_ns[0]; i++) {
        uint64_t deadline_ns = world_now() + waits_ns[i];
        struct result result = sys_signal_wait(notification, deadline_ns);
        CHECK_STATUS(result, E_TIMEOUT);
        CHECK_EQUAL(result.value, 0);
        check_came_at(deadline_ns, world_now());
    }
    CHECK_STATUS(sys_signal_wait(notification, 1), E_TIMEOUT);
}

static void signal_wait_of_many_threads_ends_in_order(void) {
    enum { WAITERS = 12 };
    static struct worker workers[WAITERS];
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    uint64_t start_ns = world_now() + 5 * SHORT_NS;
    for (uint32_t i = 0; i < WAITERS; i++) {
        worker_make(&workers[i], (struct worker_plan){.code = role_signal_wait});
        workers[i].view->caps[0] = notification;
        workers[i].view->in[0] = start_ns + (i * 7 % WAITERS) * SHORT_NS / 3;
        worker_resume(&workers[i]);
    }
    for (uint32_t i = 0; i < WAITERS; i++) {
        worker_join(&workers[i]);
        CHECK_STATUS(workers[i].view->out[SIGNAL_STATUS], E_TIMEOUT);
        check_came_at(workers[i].view->in[0], workers[i].view->out[SIGNAL_ENDED_NS]);
    }
    for (uint32_t i = 0; i < WAITERS; i++) {
        for (uint32_t j = 0; j < WAITERS; j++) {
            bool sooner = workers[i].view->in[0] < workers[j].view->in[0];
            CHECK(!sooner || workers[i].view->out[SIGNAL_ENDED_NS] < workers[j].view->out[SIGNAL_ENDED_NS]);
        }
    }
}

static void signal_timer_raises_at_its_time(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t deadline_ns = world_now() + i * SHORT_NS;
        CHECK_STATUS(sys_signal_timer(notification, 1ULL << i, deadline_ns), OK);
        CHECK_VALUE(sys_signal_wait(notification, world_soon()), 1ULL << i);
        check_came_at(deadline_ns, world_now());
        CHECK_STATUS(sys_signal_wait(notification, world_now() + SHORT_NS), E_TIMEOUT); /* once */
    }
    CHECK_STATUS(sys_signal_timer(notification, 4, 0), OK); /* long ago */
    CHECK_VALUE(sys_signal_wait(notification, world_soon()), 4);
    CHECK_STATUS(sys_signal_timer(notification, 0, world_now()), E_ARG);
}

static void signal_timer_is_moved(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    uint64_t later_ns = world_now() + 4 * SHORT_NS;
    CHECK_STATUS(sys_signal_timer(notification, 1, world_now() + SHORT_NS), OK);
    CHECK_STATUS(sys_signal_timer(notification, 2, later_ns), OK); /* later */
    CHECK_VALUE(sys_signal_wait(notification, world_soon()), 2);
    check_came_at(later_ns, world_now());
    CHECK_STATUS(sys_signal_timer(notification, 4, world_now() + FAR_NS), OK);
    uint64_t sooner_ns = world_now() + SHORT_NS;
    CHECK_STATUS(sys_signal_timer(notification, 8, sooner_ns), OK); /* sooner */
    CHECK_VALUE(sys_signal_wait(notification, world_soon()), 8);
    check_came_at(sooner_ns, world_now());
}

static void signal_timer_is_cancelled(void) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    CHECK_STATUS(sys_signal_timer(notification, 1, world_now() + SHORT_NS), OK);
    CHECK_STATUS(sys_signal_timer(notification, 0, DEADLINE_NEVER), OK);
    CHECK_STATUS(sys_signal_wait(notification, world_now() + 3 * SHORT_NS), E_TIMEOUT);
    CHECK_STATUS(sys_signal_timer(notification, 0, DEADLINE_NEVER), OK); /* nothing to cancel */
}

/* More timers than one interrupt serves, all due at once: each fires once. */
static void signal_timer_many_at_once(void) {
    enum { TIMERS = 100 };
    cap_t first = world_slots(TIMERS);
    uint64_t deadline_ns = world_now() + 10 * SHORT_NS;
    for (uint32_t i = 0; i < TIMERS; i++) {
        CHECK_STATUS(sys_object_create(world.pool, OBJECT_NOTIFICATION, 0, first + i), OK);
        CHECK_STATUS(sys_signal_timer(first + i, i + 1, deadline_ns), OK);
    }
    for (uint32_t i = 0; i < TIMERS; i++) {
        CHECK_VALUE(sys_signal_wait(first + i, deadline_ns + LATE_NS), i + 1);
        CHECK(world_now() >= deadline_ns);
    }
    for (uint32_t i = 0; i < TIMERS; i++)
        CHECK_STATUS(sys_signal_poll(first + i), E_EMPTY);
}

/* The clock advances, and never goes back. */
static void clock_read_goes_on(void) {
    uint64_t last = world_now(), start = last, seen = 0;
    while (last < start + SHORT_NS) {
        uint64_t now = world_now();
        if (now < last) {
            test_fail("the clock went back from %lu to %lu", last, now);
            return;
        }
        seen += now != last;
        last = now;
    }
    CHECK(seen > 10);
}

/* When nothing is due, no timer interrupt comes. */
static void clock_read_without_ticks(void) {
    uint64_t start = world_now(), before = sys_system_info(INFO_TIMER_TICKS, 0).value;
    while (world_now() < start + 20 * SHORT_NS)
        ;
    CHECK(sys_system_info(INFO_TIMER_TICKS, 0).value - before <= 1); /* the guard's, at most */
}

SUITE(CASE(signal_raise_gathers_bits), CASE(signal_calls_refuse_wrong_capabilities), CASE(signal_raise_wakes_a_waiter),
      CASE(signal_raise_wakes_waiters_in_order), CASE(cap_delete_of_a_notification_ends_all_waits),
      CASE(signal_wait_ends_at_its_deadline), CASE(signal_wait_of_many_threads_ends_in_order),
      CASE(signal_timer_raises_at_its_time), CASE(signal_timer_raises_no_bits_beyond_the_badge),
      CASE(signal_timer_is_moved), CASE(signal_timer_is_cancelled), CASE(signal_timer_many_at_once),
      CASE(clock_read_goes_on), CASE(clock_read_without_ticks));
