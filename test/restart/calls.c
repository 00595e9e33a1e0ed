/*
 * A client makes the same calls again and again, and each time another one of them kills the server. It must get the
 * answers that it gets from a server that lives.
 */
#include "libsys/program/program.h"
#include "libsys/wire/server.h"
#include "test/restart/suite.h"

#define ROUNDS 10U
#define ROUND_CALLS 12U
#define CALLS (ROUNDS * ROUND_CALLS)
#define GONE_POLLS 200U
#define POLL_NS 20000U

static const char *const call_names[ROUND_CALLS] = {"open", "add",  "await", "add by a capability",
                                                    "add",  "swap", "give",  "await a hand",
                                                    "hand", "take", "add",   "swap"};

static uint64_t expected[CALLS]; /* the answers of a server that lives, each as a number */

static struct {
    uint64_t answers[CALLS];
    uint64_t made;   /* calls so far */
    uint64_t victim; /* the one that kills; CALLS: none */
    uint64_t times;
    bool swaps; /* before each call */
    enum mortal_place place;
} run;

/* The death for the next call. */
static uint64_t next_death(void) {
    if (run.swaps)
        check_swap("mortal", "bin/mortal");
    return run.made == run.victim ? new_death(run.times, run.place) : 0;
}

static uint64_t fold(uint64_t sum, uint64_t word) { return (sum ^ word) * 0x100000001b3ULL; }

/* An answer of two words. */
static void record(uint64_t call, uint32_t status, uint64_t first, uint64_t second) {
    run.answers[call] = fold(fold(fold(0, status), first), second);
}

static void call_add(cap_t at, uint64_t amount) {
    struct mortal_add_reply sum;
    uint64_t call = run.made;
    uint32_t status = add(at, next_death(), amount, &sum);
    record(call, status, sum.total, sum.changes);
    run.made++;
}

static void call_swap(cap_t at, uint64_t length_bytes) {
    static struct mortal_swap_reply reply;
    uint64_t sum = 0;
    uint32_t status = swap_text(at, next_death(), length_bytes, &reply);
    for (uint64_t i = 0; status == OK && i < reply.length_bytes; i++)
        sum = fold(sum, (uint64_t)reply.text[i]);
    record(run.made++, status, reply.length_bytes, sum);
}

/* Somebody waits while `between` makes calls, the last of which satisfies it. */
static void call_await(cap_t at, uint64_t changes, void (*between)(cap_t at, cap_t own), cap_t own) {
    static struct caller caller; /* it outlives a case that fails */
    caller = (struct caller){.at = at, .death = next_death(), .changes = changes};
    uint64_t call = run.made++;
    caller_park(&caller, 1);
    between(at, own);
    uint32_t status = caller_join(&caller);
    record(call, status, caller.reply.total, caller.reply.changes);
}

static void add_two(cap_t at, cap_t own) {
    call_add(own, run.made);
    call_add(at, run.made);
}

static void hand_one(cap_t at, cap_t own) {
    uint64_t count;
    (void)own;
    uint32_t status = hand(at, next_death(), 1000 + run.made, &count);
    record(run.made++, status, count, 0);
}

static void play_round(cap_t at, uint64_t round) {
    cap_t own, taken;
    uint64_t count;
    uint32_t status = open_own(at, next_death(), &own);
    record(run.made++, status, 0, 0);
    call_add(at, round);
    call_await(at, round * 4 + 3, add_two, own);
    call_swap(at, round * 97 % MORTAL_TEXT_MAX);
    status = give(at, next_death(), own, &count);
    record(run.made++, status, count, 0);
    call_await(at, MORTAL_HAND, hand_one, 0);
    status = take(at, next_death(), &taken, &count);
    record(run.made++, status, count, 0);
    call_add(taken, round);
    call_swap(at, MORTAL_TEXT_MAX - round);
    slot_drop(&taken);
    slot_drop(&own);
    for (uint32_t i = 0; i < GONE_POLLS && look(at).opened != 0; i++)
        doze(POLL_NS);
    CHECK_EQUAL(look(at).opened, 0);
}

/* Play all calls; call `victim` kills the server. Returns how often it died. */
static uint64_t play(uint64_t victim, uint64_t times, enum mortal_place place) {
    cap_t at = server("mortal");
    reset(at);
    uint64_t generation = look(at).generation;
    run.made = 0;
    run.victim = victim;
    run.times = times;
    run.place = place;
    for (uint64_t round = 0; round < ROUNDS && !test_has_failed(); round++)
        play_round(at, round);
    CHECK_EQUAL(run.made, CALLS);
    CHECK_EQUAL(look(at).lost, ROUNDS);
    return look(at).generation - generation;
}

static void compare(void) {
    for (uint64_t call = 0; call < CALLS; call++)
        if (run.answers[call] != expected[call])
            test_fail("killed in call %lu (%s): call %lu (%s) is answered otherwise", run.victim,
                      call_names[run.victim % ROUND_CALLS], call, call_names[call % ROUND_CALLS]);
}

static void play_and_compare(uint64_t victim, uint64_t times, enum mortal_place place, uint64_t deaths) {
    CHECK_EQUAL(play(victim, times, place), deaths);
    compare();
}

static void kill_at_each(uint64_t times, enum mortal_place place, uint64_t step) {
    for (uint64_t victim = 0; victim < CALLS && !test_has_failed(); victim += step)
        play_and_compare(victim, times, place, times);
}

/* ---- cases ---- */

static void calls_are_answered_alike_each_time(void) {
    CHECK_EQUAL(play(CALLS, 0, MORTAL_NOWHERE), 0);
    for (uint64_t call = 0; call < CALLS; call++)
        expected[call] = run.answers[call];
    play_and_compare(CALLS, 0, MORTAL_NOWHERE, 0);
}

static void killed_before_the_handler(void) { kill_at_each(1, MORTAL_BEFORE, 1); }
static void killed_between_two_changes(void) { kill_at_each(1, MORTAL_HALF_WAY, 1); }
static void killed_before_the_answer_goes_out(void) { kill_at_each(1, MORTAL_DECIDED, 1); }

/* It answers the callers that waited after the call is decided; only one call a round has such callers. */
static void killed_while_others_are_answered(void) {
    for (uint64_t victim = 4; victim < CALLS && !test_has_failed(); victim += ROUND_CALLS)
        play_and_compare(victim, 1, MORTAL_LATER, 1);
}

static void killed_twice_in_one_call(void) {
    kill_at_each(2, MORTAL_BEFORE, 7);
    kill_at_each(2, MORTAL_HALF_WAY, 7);
}

/* A program that is ready has tried the request. */
static void killed_and_again_while_it_starts(void) {
    static const uint64_t starts[MORTAL_STARTS] = {
        [MORTAL_START_FIRST] = 5, [MORTAL_START_KEPT] = 5, [MORTAL_START_READY] = SERVER_TRIES_MAX - 2};
    for (uint64_t start = 0; start < MORTAL_STARTS; start++) {
        for (uint64_t victim = start; victim < CALLS && !test_has_failed(); victim += 7) {
            const struct mortal_doom_request request = {.starts = starts[start], .place = start};
            doom(server("mortal"), &request);
            play_and_compare(victim, 1, victim % 2 == 0 ? MORTAL_HALF_WAY : MORTAL_DECIDED, 1 + starts[start]);
        }
    }
}

/* The event that a capability is gone is not lost. */
static void killed_by_an_event(void) {
    for (uint64_t events = 1; events <= 2; events++) {
        const struct mortal_doom_request request = {.events = events};
        doom(server("mortal"), &request);
        play_and_compare(CALLS, 0, MORTAL_NOWHERE, events);
    }
}

/* With callers that wait, capabilities on their way, and a death now and then. */
static void swapped_before_each_call(void) {
    run.swaps = true;
    play_and_compare(CALLS, 0, MORTAL_NOWHERE, CALLS);
    for (uint64_t victim = 0; victim < CALLS && !test_has_failed(); victim += 13)
        play_and_compare(victim, 1, victim % 2 == 0 ? MORTAL_HALF_WAY : MORTAL_DECIDED, CALLS + 1);
    run.swaps = false;
}

static const struct test_case cases[] = {
    CASE(calls_are_answered_alike_each_time), CASE(killed_before_the_handler),
    CASE(killed_between_two_changes),         CASE(killed_before_the_answer_goes_out),
    CASE(killed_while_others_are_answered),   CASE(killed_twice_in_one_call),
    CASE(killed_and_again_while_it_starts),   CASE(killed_by_an_event),
    CASE(swapped_before_each_call),
};
GROUP(calls);
