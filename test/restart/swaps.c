/*
 * Swaps: another program takes over a server that works, or it does not, and then the old one goes on. Its clients see
 * the same in both cases.
 */
#include "libsys/program/program.h"
#include "libsys/runtime/threads.h"
#include "libsys/text/string.h"
#include "test/restart/suite.h"

#define SWAPS 1000U
#define CONVERSIONS 100U
#define SWAPS_BESIDE_CALLS 200U
#define SWAPS_BESIDE_DEATHS 50U

/* A state with somebody who waits, which each case changes a little and then looks at. */
static struct {
    struct caller caller;
    uint64_t generation, slots;
} held;

static void hold(void) {
    cap_t at = server("mortal");
    held.caller = (struct caller){.at = at, .changes = MORTAL_HAND};
    reset(at);
    CHECK_STATUS(add(at, 0, 5, NULL), OK);
    caller_park(&held.caller, 1);
    held.generation = look(at).generation;
    held.slots = look(at).slots;
}

/* All is still there, for a program that is `later` than the one of hold(). */
static void check_held(uint64_t later) {
    cap_t at = server("mortal");
    uint64_t count;
    struct mortal_add_reply sum = {0};
    CHECK_EQUAL(look(at).generation - held.generation, later);
    CHECK_EQUAL(look(at).slots, held.slots);
    CHECK_STATUS(add(at, 0, 7, &sum), OK);
    CHECK_EQUAL(sum.total, 10 * 31 + 14);
    CHECK_STATUS(hand(at, 0, 77, &count), OK);
    CHECK_STATUS(caller_join(&held.caller), OK);
    CHECK_EQUAL(held.caller.reply.changes, 77);
}

static void doomed_swap(const struct mortal_doom_request *fate, const char *no, uint64_t later) {
    const struct mortal_doom_request none = {0};
    char why[INIT_NO_MAX];
    hold();
    doom(server("mortal"), fate);
    CHECK_STATUS(swap_server("mortal", "bin/other", why), OK);
    CHECK_TEXT(why, no);
    doom(server("mortal"), &none);
    check_held(later);
}

static void the_new_program_says_no(void) {
    const struct mortal_doom_request other_layout = {.layout = 1};
    doomed_swap(&other_layout, "its state has another form than that of the program before", 0);
}

/*
 * The new program uses another layout. It takes the state over in a form that both know, or not; then nothing has
 * changed. Nor does anything of a form stay behind, however often.
 */
static void a_state_in_another_form(void) {
    const struct mortal_doom_request converts = {.layout = 1, .forms = MORTAL_IMPORTS},
                                     exports_only = {.layout = 1, .forms = MORTAL_EXPORTS};
    for (uint32_t i = 0; i < CONVERSIONS; i++)
        doomed_swap(&converts, "", 1);
    doomed_swap(&exports_only, "it takes over nothing", 0);
    char why[INIT_NO_MAX];
    hold();
    doom(server("mortal"), &converts);
    CHECK_STATUS(swap_server("mortal", "bin/other", why), OK);
    CHECK_STATUS(restart("mortal"), OK); /* what was taken over is kept as well as what was there before */
    check_held(2);
}

static void a_conversion_that_dies(void) {
    const struct mortal_doom_request
        exporter = {.layout = 1, .forms = MORTAL_IMPORTS, .starts = 1, .place = MORTAL_START_EXPORT},
        importer = {.layout = 1, .forms = MORTAL_IMPORTS, .starts = 1, .place = MORTAL_START_IMPORT};
    for (uint32_t i = 0; i < 3; i++) { /* by turns it ends in another way */
        doomed_swap(&exporter, "its program failed to export its state: see `log`", 0);
        doomed_swap(&importer, "the new program ended at once: see `log`", 0);
    }
}

static void the_new_program_keeps_nothing(void) {
    const struct mortal_doom_request nothing = {.forms = MORTAL_KEEPS_NOTHING};
    doomed_swap(&nothing, "the new program keeps no state", 0);
}

/* The program that stands in for a server that is gone empties its table. It must not do so to one that is not. */
static void the_new_program_stands_in(void) {
    char why[INIT_NO_MAX];
    hold();
    CHECK_STATUS(swap_server("mortal", "bin/gone", why), OK);
    CHECK_TEXT(why, "the new program keeps no state");
    check_held(0);
}

static void the_new_program_ends_at_once(void) {
    const struct mortal_doom_request first = {.starts = 1, .place = MORTAL_START_FIRST};
    for (uint32_t i = 0; i < 3; i++) /* by turns it ends in another way */
        doomed_swap(&first, "the new program ended at once: see `log`", 0);
}

static void the_new_program_hangs(void) {
    const struct mortal_doom_request hangs = {.starts = 1, .place = MORTAL_START_HANGS};
    doomed_swap(&hangs, "the new program did not decide in time", 0);
}

/* It has said yes by then, so its successor is made, of the old image. */
static void the_new_program_accepts_and_ends(void) {
    const struct mortal_doom_request kept = {.starts = 1, .place = MORTAL_START_KEPT},
                                     ready = {.starts = 1, .place = MORTAL_START_READY};
    doomed_swap(&kept, "", 2);
    CHECK(log_says("init: mortal: bin/other has just been swapped in: back to bin/mortal"));
    doomed_swap(&ready, "", 2);
}

static void the_new_program_ends_at_its_first_message(void) {
    cap_t at = server("mortal");
    char why[INIT_NO_MAX];
    struct mortal_add_reply sum = {0};
    hold();
    CHECK_STATUS(swap_server("mortal", "bin/other", why), OK);
    CHECK_STATUS(add(at, new_death(1, MORTAL_HALF_WAY), 0, &sum), OK);
    CHECK_EQUAL(sum.changes, 2);
    CHECK(log_says("init: mortal: bin/other has just been swapped in: back to bin/mortal"));
    CHECK_STATUS(hand(at, 0, 78, &sum.total), OK);
    CHECK_STATUS(caller_join(&held.caller), OK);
    CHECK_EQUAL(held.caller.reply.changes, 78);
    CHECK_EQUAL(look(at).generation - held.generation, 2);
}

/* Both images by turns. If a swap kept any memory, there would soon be none for the next image. */
static void swapped_a_thousand_times(void) {
    hold();
    for (uint32_t i = 0; i < SWAPS && !test_has_failed(); i++)
        check_swap("mortal", i % 2 == 0 ? "bin/other" : "bin/mortal");
    check_held(SWAPS);
}

/* Somebody calls without a pause. The swaps are made between any two messages. */
static uint64_t add_without_pause(void *argument) {
    volatile bool *ends = argument;
    uint64_t made = 0;
    for (; !*ends && !test_has_failed(); made++)
        CHECK_STATUS(add(server("mortal"), 0, 1, NULL), OK);
    return made;
}

static void swapped_while_calls_come(void) {
    static volatile bool ends;
    cap_t at = server("mortal");
    uint64_t thread, made = 0, swaps = 0;
    char why[INIT_NO_MAX];
    struct mortal_add_reply sum = {0};
    ends = false;
    reset(at);
    uint64_t generation = look(at).generation;
    CHECK_STATUS(threads_start(add_without_pause, (void *)(uintptr_t)&ends, &thread), OK);
    for (uint32_t i = 0; i < SWAPS_BESIDE_CALLS && !test_has_failed(); i++) {
        CHECK_STATUS(swap_server("mortal", "bin/mortal", why), OK);
        swaps += why[0] == '\0';
    }
    ends = true;
    CHECK_STATUS(threads_join(thread, &made), OK);
    CHECK_EQUAL(swaps, SWAPS_BESIDE_CALLS);
    CHECK_EQUAL(look(at).generation - generation, SWAPS_BESIDE_CALLS);
    CHECK_STATUS(add(at, 0, 0, &sum), OK);
    CHECK_EQUAL(sum.changes, made + 1);
}

/* A swap and a death of the server at once: whichever comes first, the call is answered once. */
static void swapped_while_it_dies(void) {
    cap_t at = server("mortal");
    char why[INIT_NO_MAX];
    struct caller caller = {.at = at};
    reset(at);
    for (uint64_t i = 1; i <= SWAPS_BESIDE_DEATHS && !test_has_failed(); i++) {
        caller.death = new_death(i % 2 + 1, i % 4 < 2 ? MORTAL_HALF_WAY : MORTAL_DECIDED);
        caller_start(&caller);
        CHECK_STATUS(swap_server("mortal", "bin/mortal", why), OK); /* done or not */
        CHECK_STATUS(caller_join(&caller), OK);
        CHECK_EQUAL(caller.reply.changes, i);
    }
}

static void swap_refuses(void) {
    char why[INIT_NO_MAX];
    hold();
    CHECK_STATUS(swap_server("nobody", "bin/mortal", why), P_NOT_FOUND);
    CHECK_TEXT(why, "there is no such server");
    CHECK_STATUS(swap_server("mortal", "bin/nothing", why), P_NOT_FOUND);
    CHECK_TEXT(why, "the boot volume has no such file");
    CHECK_STATUS(swap_server("mortal", "", why), P_NOT_FOUND);
    CHECK_STATUS(swap_server("mortal", "etc/manifest.json", why), P_IMAGE);
    CHECK_TEXT(why, "the new program can't be built: see `log`");
    CHECK_STATUS(swap_server("console", "bin/mortal", why), P_OPERATION); /* the manifest does not let it come back */
    CHECK_TEXT(why, "its entry in the manifest has no `restart`");
    static struct init_swap_request request = {.name = "mortal", .path = "bin/mortal"};
    struct init_swap_reply reply;
    CHECK_STATUS(init_swap(server("log"), &request, &reply, NULL), P_OPERATION); /* good for reading the log only */
    memset(request.path, 'x', sizeof request.path);
    CHECK_STATUS(init_swap(server("init"), &request, &reply, NULL), P_NOT_FOUND);
    check_held(0);
}

static const struct test_case cases[] = {
    CASE(the_new_program_accepts_and_ends),
    CASE(the_new_program_ends_at_its_first_message),
    CASE(the_new_program_says_no),
    CASE(the_new_program_ends_at_once),
    CASE(the_new_program_hangs),
    CASE(a_state_in_another_form),
    CASE(the_new_program_keeps_nothing),
    CASE(the_new_program_stands_in),
    CASE(a_conversion_that_dies),
    CASE(swapped_a_thousand_times),
    CASE(swapped_while_calls_come),
    CASE(swapped_while_it_dies),
    CASE(swap_refuses),
};
GROUP(swaps);
