/*
 * Which process may end which others, and what does wait tell of it?
 *
 *            suite (1)
 *           /    |    \
 *      parent  uncle   orphan      a process may signal itself, all descendants of its parent, and all of its session
 *        |       |
 *      child   cousin              "apart": it has begun a session of its own before
 */
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_TRIED 60
#define CODE_CHILD_KILLED 61

/* ---- roles ---- */

/* Run until killed. */
static int role_idle(int argc, char **argv) {
    struct process_sleep_request request = {.until_ns = UINT64_MAX};
    struct process_sleep_reply reply;
    (void)argc, (void)argv;
    while (process_sleep(process, &request, &reply, NULL) == OK || sys_clock_read().status == OK)
        continue;
    return ROLE_FAILED;
}

static int role_idle_waiting(int argc, char **argv) {
    struct process_wait_reply end;
    (void)argc, (void)argv;
    CHECK_STATUS(wait_for(START_ROLE("idle"), &end), OK);
    CHECK_EQUAL(end.end, PROCESS_KILLED);
    return CODE_CHILD_KILLED;
}

static int role_spin(int argc, char **argv) {
    (void)argc, (void)argv;
    for (;;)
        __asm__ volatile("pause");
}

/* tries PID SIGNAL STATUS: kill answers so. */
static int role_tries(int argc, char **argv) {
    CHECK_EQUAL(argc, 4);
    CHECK_STATUS(kill_process(number_of(argv[1]), number_of(argv[2])), number_of(argv[3]));
    return CODE_TRIED;
}

static int role_tries_apart(int argc, char **argv) {
    struct process_set_session_request request = {0};
    struct process_set_session_reply reply;
    CHECK_STATUS(process_set_session(process, &request, &reply, NULL), OK);
    return role_tries(argc, argv);
}

/* child_tries ROLE PID SIGNAL STATUS: a child tries in that role; PID 0 = this one's. */
static int role_child_tries(int argc, char **argv) {
    CHECK_EQUAL(argc, 5);
    const char *pid = number_of(argv[2]) == 0 ? text_of(own_pid()) : argv[2];
    CHECK_ROLE(CODE_TRIED, argv[1], pid, argv[3], argv[4]);
    return CODE_TRIED;
}

static int role_grandchild_tries(int argc, char **argv) {
    CHECK_EQUAL(argc, 5);
    const char *pid = number_of(argv[2]) == 0 ? text_of(own_pid()) : argv[2];
    CHECK_ROLE(CODE_TRIED, "child_tries", argv[1], pid, argv[3], argv[4]);
    return CODE_TRIED;
}

/* kills_itself SIGNAL */
static int role_kills_itself(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    (void)kill_process(own_pid(), number_of(argv[1]));
    test_note("kill of itself came back");
    return ROLE_FAILED;
}

/* orphan_tries PID SIGNAL STATUS: once this is an orphan, try as tries_apart does. abandon_who_tries, with these
 * arguments, leaves such a child behind; its exit code is how far apart the two pids are. */
static int role_orphan_tries(int argc, char **argv) {
    CHECK_EQUAL(argc, 4);
    while (parent_pid() != 1) /* until it is one */
        continue;
    (void)role_tries_apart(argc, argv);
    return CODE_TRIED;
}

static int role_abandon_who_tries(int argc, char **argv) {
    CHECK_EQUAL(argc, 4);
    return (int)(START_ROLE("orphan_tries", argv[1], argv[2], argv[3]) - own_pid());
}

/* ---- cases ---- */

/* Signals that may come to mean something else than the end are left out: those of job control, and those ignored. */
static bool ends_any_process(uint64_t signal) { return !(signal >= 17 && signal <= 23) && signal != 28; }

static void kill_tells_each_signal_number_to_wait(void) {
    for (uint64_t signal = 1; signal <= PROCESS_SIGNAL_MAX; signal++) {
        if (!ends_any_process(signal))
            continue;
        uint64_t pid = START_ROLE("idle");
        CHECK_STATUS(kill_process(pid, signal), OK);
        if (!CHECK_KILLED(pid, signal))
            break;
    }
}

static void kill_tells_of_no_fault(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("idle");
    CHECK_STATUS(kill_process(pid, PROCESS_SIGSEGV), OK);
    CHECK_STATUS(wait_for(pid, &end), OK);
    CHECK_EQUAL(end.fault, 0);
    CHECK_EQUAL(end.rip, 0);
}

static void kill_refuses_other_signals(void) {
    uint64_t pid = START_ROLE("idle");
    CHECK_STATUS(kill_process(pid, PROCESS_SIGNAL_MAX + 1), P_ARGUMENT);
    CHECK_STATUS(kill_process(pid, UINT64_MAX), P_ARGUMENT);
    CHECK_STATUS(kill_process(pid, 1ULL << 32 | PROCESS_SIGKILL), P_ARGUMENT);
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

static void kill_by_signal_0_only_asks(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("idle");
    CHECK_STATUS(kill_process(pid, 0), OK);
    CHECK_STATUS(wait_no_hang(pid, &end), E_TIMEOUT);
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
    CHECK_STATUS(kill_process(pid, 0), P_NO_PROCESS);
}

static void kill_ends_who_never_calls(void) {
    uint64_t pid = START_ROLE("spin");
    spin_ns(10000000);
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

static void kill_ends_who_has_not_begun(void) {
    for (uint32_t i = 0; i < 20; i++) {
        uint64_t pid = START_ROLE("spin");
        CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
        CHECK_KILLED(pid, PROCESS_SIGKILL);
    }
}

static void kill_ends_who_waits(void) {
    uint64_t pid = START_ROLE("idle_waiting");
    CHECK(reaches_state(pid, PROCESS_WAITING));
    uint64_t child = pid + 1;
    CHECK_STATUS(kill_process(pid, PROCESS_SIGTERM), OK);
    CHECK_KILLED(pid, PROCESS_SIGTERM);
    struct process_list_reply entry = {0};
    CHECK(find_process(child, &entry));
    CHECK_EQUAL(entry.parent, 1);
    CHECK_STATUS(kill_process(child, PROCESS_SIGKILL), OK); /* process 1 may kill an orphan, which then is gone */
    CHECK(reaches_state(child, 0));
}

static void kill_ends_who_sleeps(void) {
    uint64_t pid = START_ROLE("idle");
    CHECK(reaches_state(pid, PROCESS_SLEEPING));
    CHECK_STATUS(kill_process(pid, PROCESS_SIGTERM), OK);
    CHECK_KILLED(pid, PROCESS_SIGTERM);
}

static void kill_of_oneself(void) {
    CHECK_KILLED(START_ROLE("kills_itself", "9"), PROCESS_SIGKILL);
    CHECK_KILLED(START_ROLE("kills_itself", "6"), 6);
}

static void kill_of_who_has_ended_changes_nothing(void) {
    uint64_t pid = START_ROLE("leave", "8");
    CHECK(reaches_state(pid, PROCESS_ENDED));
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_EXIT(pid, 8);
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), P_NO_PROCESS);
}

static void kill_refuses_pids_of_nobody(void) {
    uint64_t pid = START_ROLE("idle");
    const uint64_t pids[] = {0, pid + 1, pid + 256, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof pids / sizeof pids[0]; i++)
        CHECK_STATUS(kill_process(pids[i], PROCESS_SIGKILL), P_NO_PROCESS);
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

static void kill_never_reaches_process_1(void) {
    static const uint64_t signals[] = {PROCESS_SIGKILL, PROCESS_SIGTERM};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t status = kill_process(1, signals[i]);
        CHECK(status == P_PERMISSION || status == OK); /* refused, or without effect: this goes on */
    }
    CHECK_ROLE(CODE_TRIED, "tries", "1", "9", text_of(P_PERMISSION));
    CHECK_ROLE(CODE_TRIED, "child_tries", "tries", "1", "9", text_of(P_PERMISSION));
}

static void kill_of_a_sibling(void) {
    uint64_t sibling = START_ROLE("idle");
    CHECK_ROLE(CODE_TRIED, "tries", text_of(sibling), "15", text_of(OK));
    CHECK_KILLED(sibling, PROCESS_SIGTERM);
}

static void kill_of_a_siblings_child(void) {
    uint64_t sibling = START_ROLE("idle_waiting");
    CHECK(reaches_state(sibling, PROCESS_WAITING));
    CHECK_ROLE(CODE_TRIED, "tries", text_of(sibling + 1), "15", text_of(OK));
    CHECK_EXIT(sibling, CODE_CHILD_KILLED);
}

/* 0 only asks, and 18 (CONT) does nothing to a process that is not stopped. */
static void kill_of_those_above_stays_in_the_session(void) {
    static const char *const roles_above[] = {"child_tries", "grandchild_tries"};
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_ROLE(CODE_TRIED, roles_above[i], "tries", "0", "0", text_of(OK));
        CHECK_ROLE(CODE_TRIED, roles_above[i], "tries", "0", "18", text_of(OK));
        CHECK_ROLE(CODE_TRIED, roles_above[i], "tries_apart", "0", "0", text_of(P_PERMISSION));
        CHECK_ROLE(CODE_TRIED, roles_above[i], "tries_apart", "0", "18", text_of(P_PERMISSION));
        CHECK_ROLE(CODE_TRIED, roles_above[i], "tries_apart", "0", "9", text_of(P_PERMISSION));
    }
}

static void kill_of_an_uncle_stays_in_the_session(void) {
    uint64_t uncle = START_ROLE("idle");
    CHECK_ROLE(CODE_TRIED, "child_tries", "tries_apart", text_of(uncle), "9", text_of(P_PERMISSION));
    CHECK_ROLE(CODE_TRIED, "child_tries", "tries", text_of(uncle), "9", text_of(OK));
    CHECK_KILLED(uncle, PROCESS_SIGKILL);
}

static void kill_of_a_cousin_stays_in_the_session(void) {
    uint64_t uncle = START_ROLE("idle_waiting");
    CHECK(reaches_state(uncle, PROCESS_WAITING));
    CHECK_ROLE(CODE_TRIED, "child_tries", "tries_apart", text_of(uncle + 1), "9", text_of(P_PERMISSION));
    CHECK_ROLE(CODE_TRIED, "child_tries", "tries", text_of(uncle + 1), "9", text_of(OK));
    CHECK_EXIT(uncle, CODE_CHILD_KILLED);
}

/* An orphan has process 1 as its parent, but not its power: what it tries must fail. */
static void kill_by_an_orphan_reaches_only_its_own(void) {
    struct process_wait_reply end;
    uint64_t other = START_ROLE("idle");
    uint64_t pid = START_ROLE("abandon_who_tries", text_of(other), "9", text_of(P_PERMISSION));
    CHECK_STATUS(wait_for(pid, &end), OK);
    CHECK(reaches_state(pid + end.value, 0));
    CHECK_STATUS(wait_no_hang(other, &end), E_TIMEOUT);
    CHECK_STATUS(kill_process(other, PROCESS_SIGKILL), OK);
    CHECK_KILLED(other, PROCESS_SIGKILL);
}

static const struct test_case cases[] = {
    CASE_NEEDS(kill_tells_each_signal_number_to_wait, OPERATION(kill)),
    CASE_NEEDS(kill_tells_of_no_fault, OPERATION(kill)),
    CASE_NEEDS(kill_refuses_other_signals, OPERATION(kill)),
    CASE_NEEDS(kill_by_signal_0_only_asks, OPERATION(kill)),
    CASE_NEEDS(kill_ends_who_never_calls, OPERATION(kill)),
    CASE_NEEDS(kill_ends_who_has_not_begun, OPERATION(kill)),
    CASE_NEEDS(kill_ends_who_waits, OPERATION(kill) | OPERATION(list)),
    CASE_NEEDS(kill_ends_who_sleeps, OPERATION(kill) | OPERATION(list) | OPERATION(sleep)),
    CASE_NEEDS(kill_of_oneself, OPERATION(kill)),
    CASE_NEEDS(kill_of_who_has_ended_changes_nothing, OPERATION(kill) | OPERATION(list)),
    CASE_NEEDS(kill_refuses_pids_of_nobody, OPERATION(kill)),
    CASE_NEEDS(kill_never_reaches_process_1, OPERATION(kill)),
    CASE_NEEDS(kill_of_a_sibling, OPERATION(kill)),
    CASE_NEEDS(kill_of_a_siblings_child, OPERATION(kill) | OPERATION(list)),
    CASE_NEEDS(kill_of_those_above_stays_in_the_session, OPERATION(kill) | OPERATION(set_session)),
    CASE_NEEDS(kill_of_an_uncle_stays_in_the_session, OPERATION(kill) | OPERATION(set_session)),
    CASE_NEEDS(kill_of_a_cousin_stays_in_the_session, OPERATION(kill) | OPERATION(list) | OPERATION(set_session)),
    CASE_NEEDS(kill_by_an_orphan_reaches_only_its_own, OPERATION(kill) | OPERATION(list) | OPERATION(set_session)),
};
static const struct role roles[] = {
    ROLE(idle),        ROLE(idle_waiting),     ROLE(spin),         ROLE(tries),        ROLE(tries_apart),
    ROLE(child_tries), ROLE(grandchild_tries), ROLE(kills_itself), ROLE(orphan_tries), ROLE(abandon_who_tries),
};
GROUP(kill);
