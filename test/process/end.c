/*
 * Is the end of a process told, once, to the process that waits for it, and to no other? What happens to
 * children without a parent?
 */
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_DONE 50
#define SHORT_NS 100000000ULL /* for others to get something done */
#define CROWD 12U

/* ---- roles ---- */

static int role_leave(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    struct process_exit_request request = {.code = number_of(argv[1])};
    struct process_exit_reply reply;
    (void)process_exit(process, &request, &reply, NULL);
    test_note("exit came back");
    return ROLE_FAILED;
}

static int role_return_code(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    return (int)number_of(argv[1]);
}

/* leave_later MS CODE */
static int role_leave_later(int argc, char **argv) {
    CHECK_EQUAL(argc, 3);
    spin_ns(number_of(argv[1]) * 1000000);
    return (int)number_of(argv[2]);
}

/* A parent that does not wait. abandon MS: its child runs so long; the exit code is how far apart the two pids are. */
static int role_abandon(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    uint64_t child = START_ROLE("leave_later", argv[1], "0");
    if (number_of(argv[1]) == 0)
        spin_ns(SHORT_NS);
    return (int)(child - own_pid());
}

static int role_abandon_many(int argc, char **argv) {
    (void)argc, (void)argv;
    for (uint32_t i = 0; i < CROWD; i++)
        (void)START_ROLE("leave", "0");
    return CODE_DONE;
}

/* descend DEPTH: a child of a child of a child. Each waits for its own. */
static int role_descend(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    uint64_t depth = number_of(argv[1]);
    if (depth > 0)
        CHECK_ROLE(CODE_DONE, "descend", text_of(depth - 1));
    return CODE_DONE;
}

/* wait_is_refused PID: it is no child of this one. */
static int role_wait_is_refused(int argc, char **argv) {
    struct process_wait_reply end;
    CHECK_EQUAL(argc, 2);
    CHECK_STATUS(wait_for(number_of(argv[1]), &end), P_NO_CHILD);
    CHECK_STATUS(wait_no_hang(number_of(argv[1]), &end), P_NO_CHILD);
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), P_NO_CHILD);
    return CODE_DONE;
}

/* Uses its parent's own capability, called `boss`: while the parent waits, no other call can wait with it. */
static int role_wait_as_the_boss(int argc, char **argv) {
    struct process_wait_reply end;
    (void)argc, (void)argv;
    CHECK(reaches_state(1, PROCESS_WAITING)); /* the parent */
    CHECK_STATUS(wait_with(program_cap("boss"), PROCESS_ANY, 0, &end), P_BUSY);
    CHECK_STATUS(wait_with(program_cap("boss"), PROCESS_ANY, 1, &end), E_TIMEOUT);
    return CODE_DONE;
}

/* ---- exit ---- */

static void exit_code_0_to_255_is_seen(void) {
    for (uint64_t code = 0; code < 256; code++)
        if (!CHECK_ROLE(code, "leave", text_of(code)))
            break;
}

static void exit_keeps_the_low_8_bits(void) {
    CHECK_ROLE(0, "leave", "256");
    CHECK_ROLE(0xfe, "leave", "18446744073709551614");
    CHECK_ROLE(0x34, "leave", "4660");
}

static void exit_by_return_of_main(void) { CHECK_ROLE(77, "return_code", "77"); }

static void exit_tells_of_no_fault(void) {
    struct process_wait_reply end;
    CHECK_STATUS(wait_for(START_ROLE("leave", "3"), &end), OK);
    CHECK_EQUAL(end.fault, 0);
    CHECK_EQUAL(end.address, 0);
    CHECK_EQUAL(end.rip, 0);
}

/* ---- wait ---- */

static void wait_hangs_until_the_child_ends(void) {
    uint64_t begin_ns = sys_clock_read().value;
    CHECK_ROLE(5, "leave_later", "30", "5");
    CHECK(sys_clock_read().value - begin_ns >= 30000000);
}

static void wait_finds_a_child_that_has_ended(void) {
    uint64_t pid = START_ROLE("leave", "6");
    spin_ns(SHORT_NS);
    CHECK_EXIT(pid, 6);
}

static void wait_tells_of_each_child_once(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("leave", "6");
    CHECK_EXIT(pid, 6);
    CHECK_STATUS(wait_for(pid, &end), P_NO_CHILD);
    CHECK_STATUS(wait_no_hang(pid, &end), P_NO_CHILD);
}

static void wait_for_any_child(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("leave", "7");
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
    CHECK_EQUAL(end.pid, pid);
    CHECK_EQUAL(end.value, 7);
}

static void wait_for_any_finds_the_first_to_end(void) {
    struct process_wait_reply end;
    uint64_t slow = START_ROLE("leave_later", "400", "1");
    uint64_t fast = START_ROLE("leave_later", "1", "2");
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
    CHECK_EQUAL(end.pid, fast);
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
    CHECK_EQUAL(end.pid, slow);
}

static void wait_for_one_leaves_the_others(void) {
    uint64_t first = START_ROLE("leave", "1");
    uint64_t second = START_ROLE("leave", "2");
    uint64_t third = START_ROLE("leave_later", "20", "3");
    CHECK_EXIT(third, 3);
    CHECK_EXIT(second, 2);
    CHECK_EXIT(first, 1);
}

static void wait_finds_each_of_a_crowd(void) {
    uint64_t pids[CROWD];
    uint64_t seen = 0;
    struct process_wait_reply end;
    for (uint32_t i = 0; i < CROWD; i++)
        pids[i] = START_ROLE("leave", text_of(i));
    for (uint32_t turn = 0; turn < CROWD; turn++) {
        CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
        for (uint32_t i = 0; i < CROWD; i++)
            if (pids[i] == end.pid && CHECK_EQUAL(end.value, i))
                seen |= 1ULL << i;
    }
    CHECK_EQUAL(seen, (1ULL << CROWD) - 1);
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), P_NO_CHILD);
}

static void wait_without_hanging_finds_nobody_ended(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("leave_later", "200", "1");
    CHECK_STATUS(wait_no_hang(pid, &end), E_TIMEOUT);
    CHECK_STATUS(wait_no_hang(PROCESS_ANY, &end), E_TIMEOUT);
    CHECK_EXIT(pid, 1);
}

static void wait_without_hanging_finds_who_has_ended(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("leave", "9");
    uint64_t limit_ns = sys_clock_read().value + 5000000000ULL;
    uint32_t status = E_TIMEOUT;
    while (status == E_TIMEOUT && sys_clock_read().value < limit_ns)
        status = wait_no_hang(PROCESS_ANY, &end);
    CHECK_STATUS(status, OK);
    CHECK_EQUAL(end.pid, pid);
    CHECK_EQUAL(end.value, 9);
}

static void wait_refuses_other_values_of_no_hang(void) {
    struct process_wait_reply end;
    CHECK_STATUS(wait_with(process, PROCESS_ANY, 1ULL << 63, &end), P_ARGUMENT);
    CHECK_STATUS(wait_with(process, PROCESS_ANY, UINT64_MAX, &end), P_ARGUMENT);
}

static void wait_refuses_who_has_no_child(void) {
    struct process_wait_reply end;
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), P_NO_CHILD);
    CHECK_STATUS(wait_no_hang(PROCESS_ANY, &end), P_NO_CHILD);
}

static void wait_refuses_pids_of_nobody(void) {
    static const uint64_t pids[] = {0, 1ULL << 31, 1ULL << 32, UINT64_MAX - 1};
    struct process_wait_reply end;
    uint64_t child = START_ROLE("leave_later", "200", "1");
    for (uint32_t i = 0; i < sizeof pids / sizeof pids[0]; i++)
        CHECK_STATUS(wait_for(pids[i], &end), P_NO_CHILD);
    CHECK_STATUS(wait_for(child + (1ULL << 32), &end), P_NO_CHILD);
    CHECK_STATUS(wait_for(child + 256, &end), P_NO_CHILD);
    CHECK_EXIT(child, 1);
}

static void wait_refuses_oneself(void) {
    struct process_wait_reply end;
    CHECK_STATUS(wait_for(own_pid(), &end), P_NO_CHILD);
    CHECK_ROLE(CODE_DONE, "wait_is_refused", text_of(own_pid())); /* and one's parent */
}

static void wait_refuses_a_sibling(void) {
    uint64_t sibling = START_ROLE("leave_later", "200", "1");
    CHECK_ROLE(CODE_DONE, "wait_is_refused", text_of(sibling));
    CHECK_EXIT(sibling, 1);
}

static void wait_refuses_a_grandchild(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("abandon", "200");
    CHECK_STATUS(wait_for(pid, &end), OK);
    CHECK_STATUS(wait_for(pid + end.value, &end), P_NO_CHILD);
    spin_ns(400000000); /* the orphan ends meanwhile */
}

static void wait_by_many_parents_at_once(void) {
    uint64_t pids[6];
    for (uint32_t i = 0; i < 6; i++)
        pids[i] = START_ROLE("descend", "2");
    for (uint32_t i = 6; i > 0; i--)
        CHECK_EXIT(pids[i - 1], CODE_DONE);
}

static void wait_by_a_line_of_parents(void) { CHECK_ROLE(CODE_DONE, "descend", "10"); }

static void wait_refuses_a_second_one_at_a_time(void) {
    static const char *const boss[] = {"boss=process", NULL};
    CHECK_EXIT(START_ROLE_WITH(boss, "wait_as_the_boss"), CODE_DONE);
}

/* ---- children without a parent ---- */

static void orphan_lives_on_as_child_of_process_1(void) {
    struct process_wait_reply end;
    struct process_list_reply entry = {0};
    uint64_t pid = START_ROLE("abandon", "300");
    CHECK_STATUS(wait_for(pid, &end), OK);
    CHECK(find_process(pid + end.value, &entry));
    CHECK_EQUAL(entry.parent, 1);
    CHECK_EQUAL(entry.state, PROCESS_RUNNING);
    CHECK(reaches_state(pid + end.value, 0));
}

static void orphan_is_nobody_that_process_1_can_wait_for(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("abandon", "300");
    CHECK_STATUS(wait_for(pid, &end), OK);
    uint64_t orphan = pid + end.value;
    CHECK_STATUS(wait_for(orphan, &end), P_NO_CHILD);
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), P_NO_CHILD);
    CHECK(reaches_state(orphan, 0)); /* it is gone as soon as it ends */
    CHECK_STATUS(wait_for(orphan, &end), P_NO_CHILD);
}

static void orphan_that_has_ended_vanishes_with_its_parent(void) {
    struct process_wait_reply end;
    struct process_list_reply entry;
    uint64_t pid = START_ROLE("abandon", "0");
    CHECK_STATUS(wait_for(pid, &end), OK);
    CHECK(!find_process(pid + end.value, &entry));
}

static void orphans_of_a_parent_that_never_waits(void) {
    CHECK_ROLE(CODE_DONE, "abandon_many");
    spin_ns(2 * SHORT_NS); /* those that ran on end now; the comparison after the case looks for what they left */
}

static const struct test_case cases[] = {
    CASE(exit_code_0_to_255_is_seen),
    CASE(exit_keeps_the_low_8_bits),
    CASE(exit_by_return_of_main),
    CASE(exit_tells_of_no_fault),
    CASE(wait_hangs_until_the_child_ends),
    CASE(wait_finds_a_child_that_has_ended),
    CASE(wait_tells_of_each_child_once),
    CASE(wait_for_any_child),
    CASE(wait_for_any_finds_the_first_to_end),
    CASE(wait_for_one_leaves_the_others),
    CASE(wait_finds_each_of_a_crowd),
    CASE(wait_without_hanging_finds_nobody_ended),
    CASE(wait_without_hanging_finds_who_has_ended),
    CASE(wait_refuses_other_values_of_no_hang),
    CASE(wait_refuses_who_has_no_child),
    CASE(wait_refuses_pids_of_nobody),
    CASE(wait_refuses_oneself),
    CASE(wait_refuses_a_sibling),
    CASE(wait_refuses_a_grandchild),
    CASE(wait_by_many_parents_at_once),
    CASE(wait_by_a_line_of_parents),
    CASE_NEEDS(wait_refuses_a_second_one_at_a_time, OPERATION(list)),
    CASE_NEEDS(orphan_lives_on_as_child_of_process_1, OPERATION(list)),
    CASE_NEEDS(orphan_is_nobody_that_process_1_can_wait_for, OPERATION(list)),
    CASE_NEEDS(orphan_that_has_ended_vanishes_with_its_parent, OPERATION(list)),
    CASE(orphans_of_a_parent_that_never_waits),
};
static const struct role roles[] = {
    ROLE(leave),        ROLE(return_code), ROLE(leave_later),     ROLE(abandon),
    ROLE(abandon_many), ROLE(descend),     ROLE(wait_is_refused), ROLE(wait_as_the_boss),
};
GROUP(end);
