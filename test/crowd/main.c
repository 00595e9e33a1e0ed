/* Runs the cases, and prints the results as TAP on port 0xe8. */
#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "libsys/wire/server.h"
#include "test/crowd/suite.h"
#include "test/lib/cases.h"
#include "test/lib/port.h"
#include "test/lib/servers.h"
#include "test/lib/status.h"

#define MANY 100U /* processes while servers are swapped */
#define REFUSALS 5U
#define SOME 20U                /* ... and while the process server dies */
#define TIMERS_MAX 8U           /* in all runs that die at each message: a run has one or two messages of the timer */
#define DEATHS STORM_EVENTS_MAX /* in a run, far from each other */
_Static_assert((MANY <= CROWD_MAX) & (SOME <= MANY), "there are so many places");

static struct crowd_end expected[CROWD_MAX];
static uint64_t call_count, effect_count; /* of a run with SOME processes */
static uint64_t came, told, killed;       /* of all runs */

/* ---- a run ---- */

/* The leader is lost: end all that it has started, and what these have started. */
static void drop_all(void) {
    const struct process_wait_request any = {.pid = PROCESS_ANY};
    struct process_wait_reply end;
    struct process_list_request from = {.pid = 2};
    struct process_list_reply entry;
    struct process_kill_reply reply;
    for (; process_list(program_process(), &from, &entry, NULL) == OK; from.pid = entry.pid + 1) {
        const struct process_kill_request request = {.pid = entry.pid, .signal = PROCESS_SIGKILL};
        (void)process_kill(program_process(), &request, &reply, NULL); /* it may have ended meanwhile */
    }
    while (process_wait(program_process(), &any, &end, NULL) == OK)
        continue;
}

/* Returns whether the leader has come to the end of its script. */
static bool play_by_turns(uint64_t count, bool storms, const char *swapped, const char *image, const char *other) {
    *crowd = (struct crowd){.count = count, .storms = storms, .swapped = swapped, .image = image, .other = other};
    uint64_t pid = crowd_fork();
    if (pid == 0)
        crowd_lead();
    struct process_wait_reply end = crowd_wait(pid);
    bool lost = end.fault == PROCESS_SERVER_FAILED;
    killed += lost;
    if (!lost && !CHECK(end.end == PROCESS_EXITED && end.value == 0))
        test_note("the leader: end %lu, value %lu, fault %lu", end.end, end.value, end.fault);
    crowd->storms = false;
    crowd->swapped = NULL;
    told += crowd->told;
    return end.end == PROCESS_EXITED && end.value == 0;
}

static bool play(uint64_t count, bool storms, const char *swapped, const char *image) {
    return play_by_turns(count, storms, swapped, image, NULL);
}

static bool is_same(const struct crowd_end *a, const struct crowd_end *b) {
    return a->pid == b->pid && a->end == b->end && a->value == b->value && a->fault == b->fault;
}

/* If `may_fail`, the server may have given up a process, or a child or the exit of one. */
static void compare(bool may_fail) {
    for (uint64_t i = 0; i < crowd->count; i++) {
        const struct crowd_end *end = &crowd->ends[i];
        bool failed = end->fault == PROCESS_SERVER_FAILED || (end->end == PROCESS_EXITED && end->value == CROWD_TOLD);
        killed += failed;
        if (!is_same(end, &expected[i]) && !(may_fail && failed))
            test_fail("process %lu: end %lu, value %lu, fault %lu; undisturbed %lu, %lu, %lu", i, end->end, end->value,
                      end->fault, expected[i].end, expected[i].value, expected[i].fault);
    }
}

/* ---- cases ---- */

static void a_crowd_ends_alike_each_time(void) {
    CHECK(play(MANY, false, NULL, NULL));
    memcpy(expected, crowd->ends, sizeof expected);
    for (uint64_t i = 0; i < MANY; i++)
        CHECK(expected[i].pid == 0 && expected[i].end != 0 && expected[i].value != CROWD_WRONG);
    CHECK(play(MANY, false, NULL, NULL));
    compare(false);
    CHECK_EQUAL(crowd->lost + crowd->told, 0);
}

/* other: NULL, or what the server is swapped for every other time. */
static void swapped_before_each_call(const char *name, const char *image, const char *other) {
    uint64_t before = entry_of(name).restart_count;
    CHECK(play_by_turns(MANY, false, name, image, other));
    compare(false);
    CHECK_EQUAL(crowd->lost + crowd->told, 0);
    CHECK_EQUAL(entry_of(name).restart_count - before, crowd->swaps);
    CHECK(crowd->swaps > 5UL * MANY);
    test_print("# %s: %lu swaps\n", name, crowd->swaps);
}

static void process_swapped_before_each_call(void) { swapped_before_each_call("process", "bin/process", NULL); }
static void files_swapped_before_each_call(void) { swapped_before_each_call("files", "bin/files", NULL); }
static void pipes_swapped_before_each_call(void) { swapped_before_each_call("pipes", "bin/pipes", NULL); }

static _Noreturn void sleep_for_ever(void) {
    const struct process_sleep_request request = {UINT64_MAX};
    struct process_sleep_reply reply;
    for (;;)
        (void)process_sleep(program_process(), &request, &reply, NULL);
}

/* A program with fewer places refuses them, when it has built much of its state; the one before knows nothing of it. */
static void too_many_processes_stay_where_they_are(void) {
    static const char want[] = "no room for process ";
    static uint64_t pids[MANY];
    for (uint64_t i = 0; i < MANY; i++)
        if ((pids[i] = crowd_fork()) == 0)
            sleep_for_ever();
    for (uint64_t i = 0; i < REFUSALS; i++) {
        char why[INIT_NO_MAX] = "";
        CHECK_STATUS(swap_server("process", "bin/process_small", why), OK);
        if (!CHECK(strncmp(why, want, sizeof want - 1) == 0))
            test_note("why: %s", why);
    }
    for (uint64_t i = 0; i < MANY; i++) {
        const struct process_kill_request request = {.pid = pids[i], .signal = PROCESS_SIGKILL};
        struct process_kill_reply reply;
        CHECK_STATUS(process_kill(program_process(), &request, &reply, NULL), OK);
        CHECK_EQUAL(crowd_wait(pids[i]).value, PROCESS_SIGKILL);
    }
}

static bool has_hook(void) {
    struct message message = {.info = MESSAGE_INFO(STORM_LABEL, 4, 0), .words = {STORM_CLEAR}};
    return ep_call(program_process(), &message) == OK && message_label(message.info) == OK;
}

/* Its state goes into another layout, and back: the next cases want the hook. */
static void process_converted_before_each_call(void) {
    swapped_before_each_call("process", "bin/process", "bin/process_other");
    if (!has_hook())
        check_swap("process", "bin/process");
    CHECK(has_hook());
}

/* How many messages and kernel calls are there to die at? */
static void messages_are_counted(void) {
    (void)crowd_order(STORM_CLEAR, 0, 0, 0);
    CHECK(play(SOME, true, NULL, NULL));
    struct message counts = crowd_order(STORM_COUNT, 0, 0, 0);
    (void)crowd_order(STORM_STOP, 0, 0, 0);
    compare(false);
    call_count = counts.words[0];
    effect_count = counts.words[1];
    CHECK(call_count > 5UL * SOME && effect_count > call_count);
    test_print("# %lu messages, %lu kernel calls\n", call_count, effect_count);
}

/* Returns whether the leader has come to its end. */
static bool play_storm(enum storm_what what, uint64_t argument, uint64_t first, uint64_t step, uint64_t count) {
    (void)crowd_order(STORM_CLEAR, 0, 0, 0);
    for (uint64_t i = 0; i < count; i++)
        (void)crowd_order(STORM_ADD, first + i * step, what, argument);
    bool ended = play(SOME, true, NULL, NULL);
    came += crowd_order(STORM_STOP, 0, 0, 0).words[0];
    return ended;
}

/* Each place is one at which a run dies. */
static void dies_at_each(enum storm_what what, uint64_t argument, uint64_t count) {
    uint64_t step = (count + DEATHS - 1) / DEATHS, before = entry_of("process").restart_count;
    came = 0;
    for (uint64_t first = 1; first <= step && !test_has_failed(); first++) {
        CHECK(play_storm(what, argument, first, step, DEATHS));
        compare(false);
        CHECK_EQUAL(crowd->lost + crowd->told, 0);
        if (test_has_failed())
            test_note("place %lu and each %lu more", first, step);
    }
    CHECK_EQUAL(entry_of("process").restart_count - before, came);
    CHECK(came * 10 >= count * 9); /* deaths make some messages more or less */
    test_print("# %lu deaths\n", came);
}

static void dies_before_each_message(void) { dies_at_each(STORM_KILL, 0, call_count); }
static void dies_behind_each_message(void) { dies_at_each(STORM_KILL, 1, call_count); }
static void dies_before_each_kernel_call(void) { dies_at_each(STORM_DIE, 0, effect_count); }
static void dies_behind_each_kernel_call(void) { dies_at_each(STORM_DIE, 1, effect_count); }

/*
 * The call fails, or the process that faulted is lost, and its parent is told. All others end as ever. Only a handler's
 * return does not show: libsys takes another way if its call fails. Nor does the timer's message, for which nobody
 * waits: the next one does its work.
 */
static void dies_again_and_again_at_each_message(void) {
    uint64_t failed = 0, lost = 0, silent = 0, before = entry_of("process").restart_count;
    came = 0;
    for (uint64_t number = 1; number <= call_count && !test_has_failed(); number++) {
        uint64_t came_before = came;
        told = killed = 0;
        if (play_storm(STORM_FAIL, 0, number, 0, 1))
            compare(true);
        else
            drop_all();
        CHECK(told + killed <= 1);
        silent += told + killed == 0 && came != came_before;
        failed += told;
        lost += killed;
        if (test_has_failed())
            test_note("message %lu: %lu calls failed, %lu processes lost", number, told, killed);
    }
    CHECK_EQUAL(entry_of("process").restart_count - before, came * SERVER_TRIES_MAX);
    CHECK(failed > SOME && lost > SOME);
    CHECK(silent <= SOME / CROWD_ROLES * CROWD_SIGNALS + TIMERS_MAX);
    test_print("# at %lu messages, %lu calls failed, %lu processes lost\n", came, failed, lost);
}

static const struct test_case cases[] = {
    CASE(a_crowd_ends_alike_each_time),
    CASE(process_swapped_before_each_call),
    CASE(process_converted_before_each_call),
    CASE(too_many_processes_stay_where_they_are),
    CASE(files_swapped_before_each_call),
    CASE(pipes_swapped_before_each_call),
    CASE(messages_are_counted),
    CASE(dies_before_each_message),
    CASE(dies_behind_each_message),
    CASE(dies_before_each_kernel_call),
    CASE(dies_behind_each_kernel_call),
    CASE(dies_again_and_again_at_each_message),
};
#define CASE_COUNT (sizeof cases / sizeof cases[0])

static const char *const own_figures[] = {"slots of the process server", "processes"};

static struct baseline take_baseline(void) {
    const struct process_memory_request request = {0};
    struct process_memory_reply reply = {0};
    CHECK_STATUS(process_memory(program_process(), &request, &reply, NULL), OK);
    struct baseline now = baseline_of_kernel();
    now.figures[BASELINE_OWN] = reply.slots_used;
    now.figures[BASELINE_OWN + 1] = reply.process_count;
    return now;
}

static bool share_memory(void) {
    const struct process_map_request request = {.length_bytes = (sizeof *crowd + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1UL),
                                                .rights = MEMORY_READ | MEMORY_WRITE,
                                                .flags = PROCESS_MAP_TOGETHER};
    struct process_map_reply reply = {0};
    bool done = CHECK_STATUS(process_map(program_process(), &request, &reply, NULL), OK);
    crowd = (struct crowd *)reply.at;
    return done;
}

int main(int argc, char **argv, char **envp) {
    (void)argv, (void)envp;
    if (argc > 1)
        return crowd_executed();
    test_print_to(program_cap("tap"));
    test_print("1..%u\n", (uint32_t)CASE_COUNT);
    if (!share_memory())
        cases_end(false);
    bool all_well = true;
    for (uint32_t i = 0; i < CASE_COUNT; i++) {
        test_begin();
        cases_run(&cases[i], take_baseline, own_figures);
        all_well = test_end(i + 1, cases[i].name) && all_well;
    }
    cases_end(all_well);
}
