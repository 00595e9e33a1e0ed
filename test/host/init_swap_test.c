/*
 * Init's swap of a server's program: which program does the thread run in, from first to last, whatever goes wrong?
 */
#include <string.h>

#include "kernel/abi/system.h"
#include "test/host/init_swap_world.h"
#include "test/host/suite.h"

#define LOOKS_MAX 20000U

/* Go on until the swap is over. */
static void play(enum conduct conduct) {
    bool has_acted = false;
    for (uint32_t i = 0; i < LOOKS_MAX && swap_concerns(&the_server); i++) {
        uint64_t next_ns = swap_tick(clock_ns);
        if (machine.runs_in == NEW_SPACE && swap_concerns(&the_server) && !has_acted) {
            has_acted = true;
            act(conduct);
            if (machine.run_state == THREAD_IN_FAULT)
                CHECK_EQUAL(swap_fault(&the_server), conduct != ACCEPTS_AND_ENDS);
        }
        clock_ns = next_ns > clock_ns && next_ns != DEADLINE_NEVER ? next_ns : clock_ns;
    }
    CHECK(!swap_concerns(&the_server));
}

static void the_new_program_takes_over(void) {
    struct init_swap_reply reply;
    begin();
    CHECK(!swap_concerns(&the_server) && !swap_fault(&the_server));
    CHECK_EQUAL(swap_to("bin/new"), OK);
    CHECK(swap_concerns(&the_server) && !swap_result(&reply) && machine.runs_in == OLD_SPACE &&
          !swap_fault(&the_server));
    CHECK(swap_tick(clock_ns) != DEADLINE_NEVER);
    CHECK(machine.runs_in == NEW_SPACE && machine.rip == NEW_RIP && machine.head.trial == 1 && !swap_result(&reply));
    CHECK(machine.head.generation == GENERATION + 1 && machine.head.dead.rip == OLD_RIP);
    CHECK_EQUAL(machine.head.dead.rax, E_CANCEL);
    CHECK_EQUAL(machine.spaces, 2);
    act(ACCEPTS);
    CHECK_EQUAL(swap_tick(clock_ns), DEADLINE_NEVER);
    check_rest();
    CHECK_TEXT(answer(), "");
    CHECK_TEXT(last_line, "init: a is bin/new now");
    CHECK(the_server.space == NEW_SPACE && the_server.generation == GENERATION + 1 && the_server.end == INIT_REQUESTED);
    CHECK_TEXT(the_server.path, "bin/new");
    CHECK(the_server.restart_count == 1 && machine.message_word == 1);
}

static void the_new_program_fails(void) {
    static const struct {
        enum conduct conduct;
        uint32_t reports;
        const char *no;
    } rows[] = {{SAYS_NO, 0, "it is too old"},
                {ENDS, 1, "the new program ended at once: see `log`"},
                {HANGS, 0, "the new program did not decide in time"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        CHECK_EQUAL(swap_to("bin/new"), OK);
        uint64_t begin_ns = clock_ns;
        play(rows[i].conduct);
        check_old_runs();
        CHECK_TEXT(answer(), rows[i].no);
        CHECK_EQUAL(machine.reports, rows[i].reports);
        CHECK(clock_ns - begin_ns < 1100000000U);
    }
    CHECK_TEXT(last_line, "init: a stays bin/old: the new program did not decide in time");
}

/* Each call of a swap fails once, whatever the new program does. What can't go on is started again by recovery. */
static void each_call_may_fail(void) {
    for (uint32_t conduct = ACCEPTS; conduct <= HANGS; conduct++) {
        uint32_t failed = 0, restarts = 0;
        for (failing_call = 1;; failed++) {
            uint32_t number = failing_call;
            begin();
            failing_call = number;
            uint32_t status = swap_to("bin/new");
            if (status == OK)
                play(conduct);
            if (call_count < number)
                break;
            CHECK(status == (number == 1 ? P_IMAGE : OK));
            CHECK(machine.spaces == 1 && machine.pages == 0 && machine.runs == 0 && is_old());
            CHECK_EQUAL(the_server.generation, GENERATION);
            if (the_server.state == INIT_RUNNING) {
                check_old_runs();
            } else {
                CHECK(the_server.state == INIT_FAULTED && the_server.due_ns != 0 && the_server.due_ns <= clock_ns);
                CHECK(the_server.dead.rip == OLD_RIP && the_server.dead.rax == E_CANCEL);
                CHECK(the_server.end == INIT_REQUESTED && the_server.restart_count == 1);
                restarts++;
            }
            failing_call = number + 1;
        }
        CHECK_EQUAL(failed, conduct == ACCEPTS ? 5 : 8);
        CHECK_EQUAL(restarts, conduct == ACCEPTS ? 0 : 3); /* head, message page and handover of the way back */
    }
}

/* Only a thread that waits for a message, and has got none, is taken. */
static void the_old_program_is_let_finish(void) {
    begin();
    machine.run_state = THREAD_IN_CALL;
    CHECK_EQUAL(swap_to("bin/new"), OK);
    for (uint32_t i = 0; i < 10; i++) {
        CHECK(swap_tick(clock_ns += 500000) != DEADLINE_NEVER);
        CHECK(!machine.suspended && machine.runs_in == OLD_SPACE);
    }
    machine.run_state = THREAD_IN_WAIT;
    machine.rax = OK; /* a message comes */
    (void)swap_tick(clock_ns += 500000);
    CHECK(!machine.suspended && machine.runs_in == OLD_SPACE && call_count == 1);
    machine.run_state = THREAD_IN_WAIT;
    machine.rax = E_CANCEL;
    play(ACCEPTS);
    CHECK_TEXT(answer(), "");
    CHECK_EQUAL(the_server.space, NEW_SPACE);

    begin();
    machine.run_state = THREAD_READY;
    CHECK_EQUAL(swap_to("bin/new"), OK);
    play(ACCEPTS);
    check_old_runs();
    CHECK_TEXT(answer(), "it is busy with one message");

    begin();
    machine.run_state = THREAD_READY;
    CHECK_EQUAL(swap_to("bin/new"), OK);
    machine.heard++;
    play(ACCEPTS);
    check_old_runs();
    CHECK_TEXT(answer(), "it is never without a message: try again with less to do");
}

/* Seconds pass between two looks, as on a host that has no time for the machine. Nobody is to blame for them. */
static void a_machine_that_stands_still(void) {
    begin();
    machine.run_state = THREAD_READY;
    CHECK_EQUAL(swap_to("bin/new"), OK);
    for (uint32_t i = 0; i < 900; i++)
        CHECK(swap_tick(clock_ns += 2000000000U) != DEADLINE_NEVER && machine.runs_in == OLD_SPACE);
    machine.run_state = THREAD_IN_WAIT;
    (void)swap_tick(clock_ns);
    CHECK_EQUAL(machine.runs_in, NEW_SPACE);
    for (uint32_t i = 0; i < 900; i++)
        CHECK(swap_tick(clock_ns += 2000000000U) != DEADLINE_NEVER && machine.runs_in == NEW_SPACE);
    play(HANGS);
    check_old_runs();
}

/* The server dies before it is swapped. If it comes back in time, its successor is swapped instead. */
static void the_old_program_dies(void) {
    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    CHECK(!swap_fault(&the_server));
    the_server.state = INIT_FAULTED;
    CHECK_EQUAL(swap_tick(clock_ns), DEADLINE_NEVER);
    CHECK(machine.spaces == 1 && is_old() && the_server.state == INIT_FAULTED);
    CHECK_TEXT(answer(), "it has just ended");

    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    the_server.generation++;
    the_server.restart_count = 1;
    play(ACCEPTS);
    CHECK(the_server.space == NEW_SPACE && the_server.generation == GENERATION + 2 && the_server.restart_count == 2);
}

/* It has said yes, so the state is its own. The image before comes back, and not its Space. */
static void a_program_that_accepted_may_not_go_back(void) {
    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    play(ACCEPTS_AND_ENDS);
    CHECK_TEXT(answer(), "");
    CHECK(the_server.space == NEW_SPACE && machine.spaces == 1 && machine.pages == 0 && machine.reports == 0);
    CHECK_EQUAL(the_server.generation, GENERATION + 1);
    swap_take_back(&the_server, clock_ns);
    CHECK_TEXT(the_server.path, "bin/old");
    CHECK_TEXT(last_line, "init: a: bin/new has just been swapped in: back to bin/old");
    last_line[0] = '\0';
    swap_take_back(&the_server, clock_ns);
    CHECK_TEXT(the_server.path, "bin/old");
    CHECK_TEXT(last_line, "");
}

/* A program is proven by time and by messages. */
static void a_program_proves_itself(void) {
    static const struct {
        uint64_t passed_ns, heard;
        const char *path;
    } rows[] = {{0, 0, "bin/old"},
                {3600000000000U, SWAP_PROOF_MESSAGES - 1, "bin/old"},
                {900000000U, 1000, "bin/old"},
                {1100000000U, SWAP_PROOF_MESSAGES, "bin/new"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        CHECK_EQUAL(swap_to("bin/new"), OK);
        play(ACCEPTS);
        machine.heard += rows[i].heard;
        swap_take_back(&the_server, clock_ns + rows[i].passed_ns);
        CHECK_TEXT(the_server.path, rows[i].path);
        CHECK_TEXT(the_server.former, "");
    }
}

static void swaps_that_are_refused(void) {
    begin();
    CHECK_EQUAL(swap_to("bin/none"), P_NOT_FOUND);
    the_server.state = INIT_GONE;
    CHECK_EQUAL(swap_to("bin/new"), P_BUSY);
    the_server.state = INIT_RUNNING;
    entry.restart.limit = 0;
    CHECK_EQUAL(swap_to("bin/new"), P_OPERATION);
    entry.restart.limit = 3;
    machine.head.layout = KEEP_NOTHING;
    CHECK_EQUAL(swap_to("bin/new"), P_OPERATION);
    machine.head.layout = 1;
    CHECK_EQUAL(call_count, 0);
    CHECK_EQUAL(swap_to("bin/new"), OK);
    CHECK_EQUAL(swap_to("bin/new"), P_BUSY);
    CHECK_EQUAL(machine.spaces, 2);
    play(ACCEPTS);
    check_rest();
}

SUITE(CASE(the_new_program_takes_over), CASE(the_new_program_fails), CASE(each_call_may_fail),
      CASE(the_old_program_is_let_finish), CASE(a_machine_that_stands_still), CASE(the_old_program_dies),
      CASE(a_program_that_accepted_may_not_go_back), CASE(a_program_proves_itself), CASE(swaps_that_are_refused));
