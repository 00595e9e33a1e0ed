/*
 * Requests that kill again and again, servers that hang, and servers that die seldom enough.
 */
#include "libsys/program/program.h"
#include "libsys/wire/server.h"
#include "test/restart/suite.h"

#define STEADY_DEATHS 8U /* more than its limit */

/* A request at which the server dies each time is refused, and has changed nothing. */
static void fail_always(enum mortal_place place) {
    cap_t at = server("mortal");
    uint64_t generation = look(at).generation;
    struct mortal_add_reply before, after;
    struct mortal_swap_reply text;
    cap_t own;
    CHECK_STATUS(add(at, 0, 1, &before), OK);
    CHECK_STATUS(add(at, new_death(MORTAL_ALWAYS, place), 2, NULL), P_FAILED);
    CHECK_STATUS(swap_text(at, new_death(MORTAL_ALWAYS, place), 20, &text), P_FAILED);
    CHECK_STATUS(open_own(at, new_death(MORTAL_ALWAYS, place), &own), P_FAILED);
    CHECK_EQUAL(look(at).generation - generation, 3 * SERVER_TRIES_MAX);
    CHECK_STATUS(add(at, 0, 3, &after), OK);
    CHECK_EQUAL(after.changes, before.changes + 1);
    CHECK_EQUAL(after.total, before.total * 31 + 6);
    CHECK_EQUAL(look(at).opened, 0);
}

static void request_that_always_kills_fails(void) {
    fail_always(MORTAL_BEFORE);
    fail_always(MORTAL_HALF_WAY);
}

/* Only the server's own deaths count. */
static void request_survives_restarts_of_others(void) {
    cap_t at = server("mortal");
    struct caller caller = {.at = at, .changes = MORTAL_HAND};
    uint64_t count;
    caller_park(&caller, 1);
    for (uint32_t i = 0; i < 3 * SERVER_TRIES_MAX; i++)
        CHECK_STATUS(restart("mortal"), OK);
    CHECK_STATUS(hand(at, new_death(SERVER_TRIES_MAX - 1, MORTAL_HALF_WAY), 3, &count), OK);
    CHECK_STATUS(caller_join(&caller), OK);
    CHECK_EQUAL(caller.reply.changes, 3);
}

/* Let a call loop in the server `slow` for `times` programs. Returns its status; others must be served meanwhile. */
static uint32_t hang(uint64_t times) {
    struct caller caller = {.at = server("slow"), .death = new_death(times, MORTAL_LOOP)};
    uint64_t begin_ns = sys_clock_read().value, served = 0;
    caller_start(&caller);
    for (; !caller.over; served++) {
        CHECK_STATUS(add(server("mortal"), 0, 1, NULL), OK);
        doze(NS_PER_MS);
    }
    uint32_t status = caller_join(&caller);
    uint64_t programs = times == MORTAL_ALWAYS ? SERVER_TRIES_MAX : times;
    CHECK(sys_clock_read().value - begin_ns >= programs * HEARTBEAT_MS * NS_PER_MS);
    CHECK(served >= 10 * programs);
    return status;
}

static void server_that_hangs_is_ended(void) {
    cap_t at = server("slow");
    struct caller waiting = {.at = at, .changes = MORTAL_HAND};
    uint64_t count, generation = look(at).generation;
    caller_park(&waiting, 1);
    CHECK_STATUS(hang(1), OK);
    CHECK(log_says("slow: hangs: it has taken no message for "));
    CHECK_EQUAL(entry_of("slow").end, INIT_HUNG);
    CHECK_STATUS(hang(MORTAL_ALWAYS), P_FAILED);
    CHECK(look(at).generation - generation >= 1 + SERVER_TRIES_MAX); /* more if a busy host stops the clock's CPU */
    CHECK_STATUS(hand(at, 0, 9, &count), OK);
    CHECK_STATUS(caller_join(&waiting), OK);
    CHECK_EQUAL(waiting.reply.changes, 9);
}

/* Whoever waits for messages does not hang, however long. */
static void server_that_waits_does_not_hang(void) {
    uint64_t generation = look(server("slow")).generation;
    doze(3 * HEARTBEAT_MS * NS_PER_MS);
    CHECK_EQUAL(look(server("slow")).generation, generation);
}

static void server_that_dies_seldom_comes_back(void) {
    cap_t at = server("steady");
    uint64_t restarts = entry_of("steady").restart_count;
    for (uint32_t i = 0; i < STEADY_DEATHS; i++) {
        CHECK_STATUS(add(at, new_death(1, MORTAL_BEFORE), i, NULL), OK);
        doze(STEADY_WINDOW_MS * NS_PER_MS * 2 / 3);
    }
    CHECK_EQUAL(entry_of("steady").restart_count - restarts, STEADY_DEATHS);
    CHECK_EQUAL(entry_of("steady").state, INIT_RUNNING);
}

static const struct test_case cases[] = {
    CASE(server_that_hangs_is_ended),          CASE(server_that_waits_does_not_hang),
    CASE(server_that_dies_seldom_comes_back),  CASE(request_that_always_kills_fails),
    CASE(request_survives_restarts_of_others),
};
GROUP(ends);
