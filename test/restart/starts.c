/*
 * Restarts that somebody asks init for, and states that are lost.
 */
#include "libsys/program/program.h"
#include "test/restart/suite.h"

#define RESTARTS 1000U

static void restarted_a_thousand_times(void) {
    cap_t at = server("mortal"), own;
    uint64_t count, restarts = entry_of("mortal").restart_count, generation = look(at).generation;
    struct mortal_add_reply sum;
    struct mortal_swap_reply text;
    struct caller caller = {.at = at, .changes = 2 * RESTARTS + 1};
    reset(at);
    CHECK_STATUS(open_own(at, 0, &own), OK);
    CHECK_STATUS(give(at, 0, own, &count), OK);
    CHECK_STATUS(swap_text(at, 0, MORTAL_TEXT_MAX, &text), OK);
    caller_park(&caller, 1);
    uint64_t slots = look(at).slots, total = 0;
    for (uint64_t i = 1; i <= RESTARTS && !test_has_failed(); i++) {
        CHECK_STATUS(restart("mortal"), OK);
        CHECK_STATUS(add(at, 0, i, NULL), OK);
        CHECK_STATUS(add(own, 0, i, &sum), OK);
        total = (total * 31 + 2 * i) * 31 + 2 * i + 1;
        CHECK_EQUAL(sum.total, total);
        CHECK_EQUAL(sum.changes, 2 * i);
    }
    CHECK_EQUAL(look(at).slots, slots);
    CHECK_EQUAL(look(at).generation - generation, RESTARTS);
    struct init_list_reply entry = entry_of("mortal");
    CHECK_EQUAL(entry.restart_count - restarts, RESTARTS);
    CHECK_EQUAL(entry.end, INIT_REQUESTED);
    CHECK_EQUAL(entry.state, INIT_RUNNING);
    CHECK_STATUS(add(at, 0, 0, NULL), OK);
    CHECK_STATUS(caller_join(&caller), OK);
    CHECK_EQUAL(caller.reply.total, total * 31);
    CHECK_STATUS(swap_text(at, 0, 0, &text), OK);
    CHECK_EQUAL(text.length_bytes, MORTAL_TEXT_MAX);
    slot_drop(&own);
    CHECK_STATUS(take(at, 0, &own, &count), OK);
    slot_drop(&own);
}

static void restart_refuses(void) {
    CHECK_STATUS(restart("nobody"), P_NOT_FOUND);
    CHECK_STATUS(restart(""), P_NOT_FOUND);
    CHECK_STATUS(restart("console"), P_OPERATION); /* the suite's manifest does not let it come back */
    const struct init_restart_request request = {"mortal"};
    struct init_restart_reply reply;
    CHECK_STATUS(init_restart(server("log"), &request, &reply, NULL), P_OPERATION); /* good for reading the log only */
}

/*
 * The next program has another form of state. Callers that wait are told, and so is the one whose call ended the
 * program.
 */
static void lose_state(uint64_t layout) {
    cap_t at = server("mortal"), own, taken;
    uint64_t count, slots = look(at).slots;
    struct mortal_add_reply sum;
    struct mortal_swap_reply text;
    struct caller first = {.at = at, .changes = MORTAL_HAND}, second = first;
    const struct mortal_doom_request other = {.layout = layout};
    CHECK_STATUS(add(at, 0, 5, NULL), OK);
    CHECK_STATUS(open_own(at, 0, &own), OK);
    CHECK_STATUS(give(at, 0, own, &count), OK);
    CHECK_STATUS(swap_text(at, 0, 10, &text), OK);
    caller_park(&first, 1);
    caller_park(&second, 2);
    doom(at, &other);
    CHECK_STATUS(add(at, new_death(1, MORTAL_HALF_WAY), 7, &sum), P_LOST);
    CHECK_STATUS(caller_join(&first), P_LOST);
    CHECK_STATUS(caller_join(&second), P_LOST);
    CHECK_EQUAL(look(at).slots, slots);
    CHECK_STATUS(take(at, 0, &taken, &count), P_NOT_FOUND);
    CHECK_STATUS(swap_text(at, 0, 0, &text), OK);
    CHECK_EQUAL(text.length_bytes, 0);
    CHECK_STATUS(add(own, 0, 4, &sum), OK); /* the capability is good for the server, whatever that knows */
    CHECK_EQUAL(sum.total, 9);
    CHECK_EQUAL(sum.changes, 1);
    slot_drop(&own);
}

static void state_of_another_layout_is_lost(void) {
    lose_state(1);
    lose_state(0);
}

static const struct test_case cases[] = {
    CASE(restarted_a_thousand_times),
    CASE(restart_refuses),
    CASE(state_of_another_layout_is_lost),
};
GROUP(starts);
