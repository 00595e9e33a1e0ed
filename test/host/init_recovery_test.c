/*
 * Init's policy: when, how often and how soon does a program that ended come back? If it does not, what do its clients
 * find? When does init take a program for one that hangs?
 */
#include <string.h>

#include "libsys/text/number.h"
#include "test/host/init_world.h"
#include "test/host/suite.h"

static const struct thread_registers fault = {.rip = FATAL_RIP};
static struct child *const a = &the_children[0];

static void pass(uint64_t ms) { clock_ns += ms * NS_PER_MS; }

/* ---- how often ---- */

static void a_program_comes_back_so_often(void) {
    begin("", 1, three, 0);
    CHECK_EQUAL(timer_ns, DEADLINE_NEVER);
    for (uint32_t i = 1; i <= 3; i++) {
        recovery_of(a, INIT_FAULT, &fault);
        CHECK(a->state == INIT_RUNNING && a->end == INIT_FAULT && a->restart_count == i);
        CHECK(seen[0].builds == i && seen[0].starts == i && seen[0].dead_rip == FATAL_RIP);
    }
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(a->state == INIT_GONE && a->restart_count == 3);
    CHECK(seen[0].builds == 3 && seen[0].gone_builds == 1 && seen[0].starts == 4);
    CHECK_TEXT(last_line, "init: a: restarted 3 times within 1000 ms: it stays away");
    CHECK(revoked_count == 0 && deleted_count == 0 && power_offs == 0);
    CHECK_EQUAL(recovery_request(a), P_GONE);
    pass(2000);
    recovery_of(a, INIT_FAULT, &fault); /* even the program in its place fails: there is no third */
    CHECK(a->state == INIT_GONE && seen[0].builds == 3 && seen[0].gone_builds == 1 && seen[0].starts == 4);
    CHECK(revoked_count == 1 && deleted_count == 2);
}

/* The window begins with the first end in it. One that ends slowly goes on for ever. */
static void a_window_is_counted_from_its_first_end(void) {
    begin("", 1, three, 0);
    for (uint32_t i = 0; i < 20; i++) {
        recovery_of(a, INIT_FAULT, &fault);
        pass(400);
    }
    CHECK(a->state == INIT_RUNNING && a->restart_count == 20);

    begin("", 1, three, 0);
    recovery_of(a, INIT_FAULT, &fault);
    pass(900);
    recovery_of(a, INIT_FAULT, &fault);
    recovery_of(a, INIT_FAULT, &fault);
    pass(99);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK_EQUAL(a->state, INIT_GONE);

    begin("", 1, three, 0);
    recovery_of(a, INIT_FAULT, &fault);
    pass(900);
    recovery_of(a, INIT_FAULT, &fault);
    recovery_of(a, INIT_FAULT, &fault);
    pass(101);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK_EQUAL(a->state, INIT_RUNNING);
}

/* Requests are nobody's fault, and don't wait. */
static void requests_do_not_count(void) {
    begin("", 2, (struct manifest_restart){.limit = 1, .window_ms = 1000, .backoff_ms = 500}, 0);
    for (uint32_t i = 1; i <= 10; i++) {
        CHECK_EQUAL(recovery_request(&the_children[1]), OK);
        CHECK(seen[1].stops == i && seen[1].builds == i && seen[1].dead_rip == FATAL_RIP + 2);
    }
    CHECK(the_children[1].state == INIT_RUNNING && the_children[1].end == INIT_REQUESTED);
    CHECK(seen[0].stops == 0 && seen[0].builds == 0);
    recovery_of(&the_children[1], INIT_FAULT, &fault);
    CHECK_EQUAL(the_children[1].state, INIT_FAULTED);
    CHECK_EQUAL(recovery_request(&the_children[1]), P_BUSY); /* it comes back already */
    CHECK_EQUAL(seen[1].stops, 10);
    tick();
    CHECK_EQUAL(recovery_request(&the_children[1]), OK);

    begin("", 1, (struct manifest_restart){0}, 0);
    CHECK_EQUAL(recovery_request(a), P_OPERATION);
    CHECK(seen[0].stops == 0 && a->state == INIT_RUNNING);
}

/* ---- how soon ---- */

static void a_program_comes_back_after_a_while(void) {
    begin("", 3, (struct manifest_restart){.limit = 3, .window_ms = 100000, .backoff_ms = 500}, 0);
    uint64_t ended_ns = clock_ns;
    run_state[2] = THREAD_READY; /* nobody looks whether it hangs */
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(a->state == INIT_FAULTED && seen[0].builds == 0);
    CHECK(timer_ns >= ended_ns + 500 * NS_PER_MS && timer_ns < ended_ns + 501 * NS_PER_MS);
    pass(200);
    recovery_of(&the_children[1], INIT_FAULT, &fault); /* its turn is later; the timer stays */
    CHECK(timer_ns < ended_ns + 501 * NS_PER_MS && seen[0].builds == 0);
    tick();
    CHECK(a->state == INIT_RUNNING && a->due_ns == 0 && seen[0].builds == 1 && seen[1].builds == 0);
    CHECK(seen[0].build_ns >= ended_ns + 500 * NS_PER_MS);
    CHECK(timer_ns >= ended_ns + 700 * NS_PER_MS && timer_ns < ended_ns + 701 * NS_PER_MS);
    tick();
    CHECK(seen[1].builds == 1 && timer_ns == DEADLINE_NEVER);
    CHECK(seen[2].builds == 0 && the_children[2].state == INIT_RUNNING);
}

/* ---- when it does not ---- */

static void a_program_without_a_rule_is_gone(void) {
    begin("", 1, (struct manifest_restart){0}, 0);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK_TEXT(last_line, "");
    CHECK(a->state == INIT_GONE && seen[0].builds == 0 && seen[0].gone_builds == 1 && seen[0].starts == 1);
    recovery_of(a, INIT_FAULT, &fault); /* the program in its place fails, too */
    CHECK(a->state == INIT_GONE && seen[0].gone_builds == 1 && seen[0].starts == 1);
    CHECK_EQUAL(revoked_count, 1); /* the one endpoint that it served */
    CHECK(deleted_count == 2 && deleted[0] == 60 + 'e' && deleted[1] == 40);
}

/* Neither an image that can't be built, nor a thread that can't be started, leaves its clients waiting. */
static void what_cannot_be_built_is_gone(void) {
    for (int i = 0; i < 2; i++) {
        begin("", 1, three, 0);
        build_fails = i == 0;
        start_fails = i == 1;
        recovery_of(a, INIT_FAULT, &fault);
        CHECK(a->state == INIT_GONE && seen[0].builds == 1 && seen[0].gone_builds == 1);
        CHECK_EQUAL(deleted_count, i == 0 ? 0 : 2); /* with i == 1 the program in its place can't be started either */
    }
    begin("", 1, three, 0);
    build_fails = gone_build_fails = true;
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(a->state == INIT_GONE && revoked_count == 1 && deleted_count == 2 && seen[0].starts == 0);
}

static void a_vital_program_switches_off_when_it_is_gone(void) {
    begin("", 1, three, 0);
    the_manifest.programs[0].vital = true;
    for (uint32_t i = 1; i <= 3; i++)
        recovery_of(a, INIT_FAULT, &fault);
    CHECK_EQUAL(power_offs, 0);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK_EQUAL(power_offs, 1);
    CHECK_TEXT(last_line, "init: a is vital: switching off");
    CHECK_EQUAL(seen[0].gone_builds, 1); /* the kernel has refused */
}

/* ---- programs that hang ---- */

static void a_program_that_takes_no_message_is_ended(void) {
    begin("", 2, three, 800);
    CHECK(timer_ns > clock_ns + 390 * NS_PER_MS && timer_ns <= clock_ns + 400 * NS_PER_MS);
    run_state[0] = THREAD_READY;
    heard[0] = 5;
    recovery_tick();
    uint64_t began_ns = clock_ns;
    for (uint32_t i = 0; i < 10 && seen[0].stops == 0; i++)
        tick();
    CHECK(a->end == INIT_HUNG && a->state == INIT_RUNNING && seen[0].builds == 1);
    CHECK_EQUAL(seen[0].dead_rip, FATAL_RIP + 1);
    CHECK(clock_ns >= began_ns + 800 * NS_PER_MS && clock_ns <= began_ns + 1201 * NS_PER_MS);
    CHECK(strncmp(last_line, "a hangs for ", 12) == 0);
    CHECK(seen[1].stops == 0 && seen[1].builds == 0); /* it waits */
}

static void a_busy_program_is_left_alone(void) {
    begin("", 1, three, 800);
    run_state[0] = THREAD_READY;
    for (uint32_t i = 0; i < 100; i++) {
        heard[0] += i % 2; /* with each second look */
        tick();
    }
    CHECK(seen[0].stops == 0);
    run_state[0] = THREAD_IN_WAIT;
    for (uint32_t i = 0; i < 10; i++)
        tick();
    CHECK(seen[0].stops == 0);
    run_state[0] = THREAD_READY; /* the time counts from the last look at which it was well */
    tick();
    CHECK(seen[0].stops == 0);
}

/* Neither time without a CPU counts nor a machine that stood still; waiting for somebody else's answer does. */
static void one_that_cannot_run_does_not_hang(void) {
    begin("", 1, three, 800);
    run_state[0] = THREAD_READY;
    is_starved = true;
    for (uint32_t i = 0; i < 100; i++)
        tick();
    CHECK(seen[0].stops == 0);
    is_starved = false;
    heard[0]++;
    tick();
    clock_ns += 3600000 * NS_PER_MS;
    tick();
    CHECK(seen[0].stops == 0);
    heard[0]++;
    tick();
    CHECK(seen[0].stops == 0);
    run_state[0] = THREAD_IN_CALL;
    is_starved = true;
    for (uint32_t i = 0; i < 3; i++)
        tick();
    CHECK(seen[0].stops == 1 && a->end == INIT_HUNG);
}

/* Nothing tells whether it takes messages: it may be busy, and wait for another server at each look by chance. */
static void one_that_keeps_nothing_is_not_watched(void) {
    begin("", 1, three, 800);
    keeps_nothing = true;
    run_state[0] = THREAD_IN_CALL;
    for (uint32_t i = 0; i < 100; i++)
        tick();
    CHECK_EQUAL(seen[0].stops, 0);
    run_state[0] = THREAD_READY;
    for (uint32_t i = 0; i < 100; i++)
        tick();
    CHECK_EQUAL(seen[0].stops, 0);
}

/* Its successor would find a full table, and end at each start. */
static void one_that_keeps_nothing_does_not_come_back(void) {
    begin("", 1, three, 0);
    keeps_nothing = true;
    CHECK_EQUAL(recovery_request(a), P_OPERATION);
    CHECK(seen[0].stops == 0 && a->state == INIT_RUNNING);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(a->state == INIT_GONE && seen[0].builds == 0 && seen[0].gone_builds == 1 && a->restart_count == 0);
}

/* A successor has all of its time, although it has heard nothing yet, and other programs are judged by their own. */
static void a_program_that_has_just_begun_does_not_hang(void) {
    begin("", 2, (struct manifest_restart){.limit = 9, .window_ms = 100000, .backoff_ms = 900}, 800);
    recovery_of(a, INIT_FAULT, &fault);
    run_state[0] = THREAD_READY;
    for (uint32_t i = 0; i < 10 && a->state == INIT_FAULTED; i++)
        tick();
    CHECK(a->state == INIT_RUNNING && seen[0].builds == 1 && seen[0].stops == 0);
    run_state[1] = THREAD_READY; /* busy, while its neighbour hangs */
    for (uint32_t i = 0; i < 10 && seen[0].stops == 0; i++) {
        heard[1]++;
        tick();
    }
    CHECK(seen[0].stops == 1 && seen[1].stops == 0);
}

/* Hanging counts as an end of its own fault. */
static void one_that_always_hangs_is_gone(void) {
    begin("", 1, (struct manifest_restart){.limit = 3, .window_ms = 100000}, 800);
    run_state[0] = THREAD_READY;
    for (uint32_t i = 0; i < 100 && a->state != INIT_GONE; i++)
        tick();
    CHECK(a->state == INIT_GONE && seen[0].stops == 4 && seen[0].builds == 3);
    recovery_tick();
    CHECK_EQUAL(timer_ns, DEADLINE_NEVER); /* nobody looks at it any more */
}

/* ---- programs that are being swapped ---- */

/* Nobody ends it on request meanwhile or says that it hangs. One that ends by itself may be the wrong one. */
static void a_program_that_is_swapped(void) {
    begin("", 2, three, 800);
    swapped = a;
    swap_ns = clock_ns + 20 * NS_PER_MS;
    run_state[0] = THREAD_READY;
    CHECK_EQUAL(recovery_request(a), P_BUSY);
    recovery_tick();
    CHECK_EQUAL(timer_ns, swap_ns);
    for (uint32_t i = 0; i < 10; i++)
        tick();
    CHECK_EQUAL(seen[0].stops, 0);
    swapped = NULL;
    memcpy(a->path, "bin/y", 6);
    recovery_of(a, INIT_FAULT, &fault);
    CHECK(taken_back == 1 && seen[0].builds == 1);
    CHECK_EQUAL(recovery_request(a), OK);
    CHECK(taken_back == 1 && seen[0].builds == 2);
}

/* A program that deletes a large object goes on: nobody else would take the rest apart. */
static void deletions_are_not_interrupted(void) {
    begin("", 1, (struct manifest_restart){.limit = 1, .window_ms = 1000}, 0);
    dead_rax = SYS_cap_delete;
    CHECK_EQUAL(recovery_request(a), P_BUSY);
    CHECK(resume_count == 1 && seen[0].builds == 0 && a->state == INIT_RUNNING);
    dead_rax = OK;
    CHECK_EQUAL(recovery_request(a), OK);
    CHECK(resume_count == 1 && seen[0].builds == 1);
}

SUITE(CASE(deletions_are_not_interrupted), CASE(a_program_comes_back_so_often),
      CASE(a_window_is_counted_from_its_first_end), CASE(requests_do_not_count),
      CASE(a_program_comes_back_after_a_while), CASE(a_program_without_a_rule_is_gone),
      CASE(what_cannot_be_built_is_gone), CASE(a_vital_program_switches_off_when_it_is_gone),
      CASE(a_program_that_takes_no_message_is_ended), CASE(a_busy_program_is_left_alone),
      CASE(one_that_cannot_run_does_not_hang), CASE(one_that_keeps_nothing_is_not_watched),
      CASE(one_that_keeps_nothing_does_not_come_back), CASE(a_program_that_has_just_begun_does_not_hang),
      CASE(one_that_always_hangs_is_gone), CASE(a_program_that_is_swapped));
