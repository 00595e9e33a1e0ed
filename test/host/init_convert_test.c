/*
 * Swaps to a program that keeps its state in another layout: the old image exports it, the new one imports it. Whatever
 * goes wrong, the old program goes on with the state as it was.
 */
#include <string.h>

#include "kernel/abi/system.h"
#include "test/host/init_swap_world.h"
#include "test/host/suite.h"

#define LOOKS_MAX 20000U

/* What the program that exports does once it runs. */
enum exporter { EXPORTS, HAS_NO_FORM, EXPORTER_ENDS, EXPORTER_HANGS };
#define FORM 77U
#define EXPORT_BYTES 1234U

static void act_exporter(enum exporter exporter) {
    CHECK(machine.head.trial == KEEP_EXPORT && machine.head.export_bytes == KEEP_PAGES * PAGE_BYTES);
    CHECK(the_server.export.memory == EXPORT_KEEP && machine.head.export_form == 0);
    if (exporter == HAS_NO_FORM)
        memcpy(machine.head.no, "no form", 8);
    if (exporter == EXPORTS) {
        machine.head.export_form = FORM;
        machine.head.export_bytes = EXPORT_BYTES;
    }
    if (exporter != EXPORTER_HANGS)
        machine.run_state = THREAD_IN_FAULT;
}

/* Swap to a program that does not know the layout, to the end. importer: what it does with an export. */
static void convert(enum exporter exporter, enum conduct importer) {
    enum { FIRST_TRIAL, EXPORT, SECOND_TRIAL } next = FIRST_TRIAL;
    for (uint32_t i = 0; i < LOOKS_MAX && swap_concerns(&the_server); i++) {
        uint64_t next_ns = swap_tick(clock_ns);
        while (swap_concerns(&the_server)) {
            cap_t space = machine.runs_in;
            if (next == FIRST_TRIAL && space == NEW_SPACE)
                act(IS_FOREIGN);
            else if (next == EXPORT && space == EXPORT_SPACE)
                act_exporter(exporter);
            else if (next == SECOND_TRIAL && space == NEW_SPACE) {
                CHECK(machine.second_head.trial == KEEP_TRIAL && machine.second_head.export_form == FORM);
                CHECK(machine.second_head.export_bytes == EXPORT_BYTES && the_server.keep.memory == SECOND_KEEP);
                CHECK(machine.second_head.generation == GENERATION + 1 && machine.second_head.slots_end == SLOTS_END);
                act(importer);
            } else
                break;
            next++;
            if (machine.run_state != THREAD_IN_FAULT)
                break;
            CHECK_EQUAL(swap_fault(&the_server), next <= SECOND_TRIAL || importer != ACCEPTS_AND_ENDS);
        }
        clock_ns = next_ns > clock_ns && next_ns != DEADLINE_NEVER ? next_ns : clock_ns;
    }
    CHECK(!swap_concerns(&the_server));
}

static void a_state_is_converted(void) {
    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    convert(EXPORTS, ACCEPTS);
    CHECK_TEXT(answer(), "");
    CHECK(the_server.keep.memory == SECOND_KEEP && the_server.space == NEW_SPACE &&
          the_server.generation == GENERATION + 1);
    CHECK_TEXT(the_server.path, "bin/new");
    check_rest();                      /* the first state is given back */
    CHECK_TEXT(the_server.former, ""); /* it could not use the state */
    swap_take_back(&the_server, clock_ns);
    CHECK_TEXT(the_server.path, "bin/new");

    begin();
    CHECK_EQUAL(swap_to("bin/new"), OK);
    convert(EXPORTS, ACCEPTS_AND_ENDS);
    CHECK_TEXT(answer(), "");
    CHECK(the_server.keep.memory == SECOND_KEEP && the_server.space == NEW_SPACE);
}

static void a_conversion_fails(void) {
    static const struct {
        enum exporter exporter;
        enum conduct importer;
        uint32_t reports;
        const char *no;
    } rows[] = {{HAS_NO_FORM, ACCEPTS, 0, "no form"},
                {EXPORTER_ENDS, ACCEPTS, 1, "its program failed to export its state: see `log`"},
                {EXPORTER_HANGS, ACCEPTS, 0, "its program did not export its state in time"},
                {EXPORTS, SAYS_NO, 0, "it is too old"},
                {EXPORTS, IS_FOREIGN, 0, "it is too old"},
                {EXPORTS, ENDS, 1, "the new program ended at once: see `log`"},
                {EXPORTS, HANGS, 0, "the new program did not decide in time"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin();
        CHECK_EQUAL(swap_to("bin/new"), OK);
        convert(rows[i].exporter, rows[i].importer);
        check_old_runs();
        CHECK_EQUAL(the_server.keep.memory, FIRST_KEEP);
        CHECK_TEXT(answer(), rows[i].no);
        CHECK_EQUAL(machine.reports, rows[i].reports);
    }
}

/* Each call of a conversion fails once: the old program goes on, with its own state, or is started again with that. */
static void each_call_of_a_conversion_may_fail(void) {
    for (uint32_t does_end = 0; does_end < 2; does_end++) {
        uint32_t failed = 0;
        for (failing_call = 1;; failed++) {
            uint32_t number = failing_call;
            begin();
            failing_call = number;
            if (swap_to("bin/new") == OK)
                convert(EXPORTS, does_end != 0 ? ENDS : ACCEPTS);
            if (call_count < number)
                break;
            CHECK(is_old() && the_server.keep.memory == FIRST_KEEP && machine.spaces == 1 && machine.runs == 0);
            if (the_server.state == INIT_RUNNING)
                check_old_runs();
            else
                CHECK(the_server.state == INIT_FAULTED && the_server.due_ns != 0 && the_server.dead.rip == OLD_RIP);
            failing_call = number + 1;
        }
        CHECK_EQUAL(failed, does_end != 0 ? 17 : 14);
    }
}

SUITE(CASE(a_state_is_converted), CASE(a_conversion_fails), CASE(each_call_of_a_conversion_may_fail));
