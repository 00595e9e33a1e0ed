/*
 * Does a server at a limit refuse and go on, and is everything free again when the load is gone?
 */
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_OVER 96
#define CROWD_MAX 4096U
#define OFTEN 1000U

/* ---- roles ---- */

/* bomb DEPTH: start three bombs one level lower, as far as there is room. */
static int role_bomb(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    uint64_t depth = number_of(argv[1]);
    const char *const arguments[] = {SELF, "bomb", text_of(depth - 1), NULL};
    const struct child_start start = {SELF, arguments, NULL, capabilities_of_a_role};
    struct process_wait_reply end;
    uint64_t started = 0;
    for (uint32_t i = 0; depth > 0 && i < 3; i++) {
        uint64_t pid;
        uint32_t status = start_spawn(&start, &pid);
        started += status == OK;
        CHECK(status == OK || status == P_LIMIT || status == P_NO_MEMORY);
    }
    for (; started > 0; started--) {
        CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
        CHECK_EQUAL(end.value, CODE_OVER);
    }
    return CODE_OVER;
}

/* Fill the table with children that have ended. Returns how many, and *ret_status of the one that found no room. */
static uint64_t fill(uint32_t *ret_status) {
    const char *const arguments[] = {SELF, "leave", "0", NULL};
    const struct child_start start = {SELF, arguments, NULL, capabilities_of_a_role};
    uint64_t count = 0;
    uint64_t pid;
    while (count < CROWD_MAX && (*ret_status = start_spawn(&start, &pid)) == OK)
        count++;
    return count;
}

static int role_fill_and_leave(int argc, char **argv) {
    (void)argc, (void)argv;
    uint32_t status;
    CHECK(fill(&status) > 2);
    CHECK(status == P_LIMIT || status == P_NO_MEMORY);
    return CODE_OVER;
}

static int role_churned(int argc, char **argv) {
    (void)argc, (void)argv;
    return 0;
}

/*
 * Fork, exec, exit and wait, all in one group, until the suite kills the group. Nice values let the suite run first, so
 * that it kills at any moment, and not only when one of these processes waits.
 */
static int role_churn(int argc, char **argv) {
    (void)argc, (void)argv;
    struct process_set_group_request request = {0, 0};
    struct process_set_group_reply reply;
    static char words[4000];
    memset(words, 'w', sizeof words - 1);
    struct process_set_nice_request nice = {0, 1};
    struct process_set_nice_reply was;
    CHECK_STATUS(process_set_group(process, &request, &reply, NULL), OK);
    CHECK_STATUS(process_set_nice(process, &nice, &was, NULL), OK);
    for (;;) {
        uint64_t pid;
        struct process_wait_reply end;
        CHECK_STATUS(fork_process(&pid), OK);
        if (pid == 0) {
            CHECK_STATUS(EXEC_ROLE("churned", words, words, words, words), OK); /* staged by many messages */
            return ROLE_FAILED;
        }
        CHECK_STATUS(wait_for(pid, &end), OK);
    }
}

/* ---- cases ---- */

/* A kill in every phase of fork, exec, exit and wait: 100 moments. */
static void limit_of_what_a_kill_leaves(void) {
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t pid = START_ROLE("churn");
        struct process_sleep_request request = {program_time_in(20000 + i * 300007)};
        struct process_sleep_reply reply;
        CHECK_STATUS(process_sleep(process, &request, &reply, NULL), OK);
        if (kill_process(PROCESS_GROUP | pid, PROCESS_SIGKILL) != OK)
            CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK); /* it has not made its group yet */
        if (!CHECK_KILLED(pid, PROCESS_SIGKILL))
            break;
    }
}

static void limit_of_children_that_nobody_waits_for(void) {
    struct process_wait_reply end;
    uint32_t status = OK;
    uint64_t count = fill(&status);
    CHECK(count >= 16);
    CHECK(status == P_LIMIT || status == P_NO_MEMORY);
    for (uint64_t i = 0; i < count; i++)
        if (!CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK) || !CHECK_EQUAL(end.value, 0))
            break;
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), P_NO_CHILD);
    CHECK_ROLE(0, "leave", "0");
}

static void limit_goes_with_the_parent_that_never_waited(void) {
    CHECK_ROLE(CODE_OVER, "fill_and_leave");
    spin_ns(200000000); /* those that had not ended do so now */
    CHECK_ROLE(CODE_OVER, "fill_and_leave");
    spin_ns(200000000);
}

static void limit_reached_by_a_bomb(void) { CHECK_ROLE(CODE_OVER, "bomb", "6"); }

static void limit_of_a_full_table_spares_exec(void) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("leave_later", "1", "1");
    uint32_t status;
    CHECK_EXIT(pid, 1);
    pid = START_ROLE("exec_as", "leave_later", "600", "2");
    uint64_t count = fill(&status);
    for (uint64_t i = 0; i <= count; i++) {
        CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
        CHECK_EQUAL(end.value, end.pid == pid ? 2 : 0);
    }
}

static void spawn_1000_times(void) {
    for (uint32_t i = 0; i < OFTEN; i++)
        if (!CHECK_ROLE(0, "leave", "0"))
            break;
}

static void spawn_1000_times_in_vain(void) {
    static const char *const paths[] = {"bin/nosuch",
                                        "bin",
                                        IMAGES "NOT_ELF",
                                        IMAGES "TRUNCATED_HEADERS",
                                        IMAGES "too_large",
                                        IMAGES "interpreter",
                                        IMAGES "FILE_BEYOND_END"};
    for (uint32_t i = 0; i < OFTEN; i++) {
        const struct child_start start = {paths[i % 7], NULL, NULL, NULL};
        uint64_t pid;
        if (!CHECK(start_spawn(&start, &pid) != OK))
            break;
    }
}

static void fault_200_times(void) {
    for (uint32_t i = 0; i < 200; i++)
        if (!CHECK_KILLED(START_ROLE("faults", "undefined", "0"), PROCESS_SIGILL))
            break;
}

static const struct test_case cases[] = {
    CASE(limit_of_children_that_nobody_waits_for),
    CASE(limit_goes_with_the_parent_that_never_waited),
    CASE(limit_reached_by_a_bomb),
    CASE(limit_of_a_full_table_spares_exec),
    CASE_NEEDS(limit_of_what_a_kill_leaves,
               OPERATION(fork) | OPERATION(kill) | OPERATION(set_group) | OPERATION(sleep) | OPERATION(set_nice)),
    CASE(spawn_1000_times),
    CASE(spawn_1000_times_in_vain),
    CASE(fault_200_times),
};
static const struct role roles[] = {ROLE(bomb), ROLE(fill_and_leave), ROLE(churn), ROLE(churned)};
GROUP(limits);
