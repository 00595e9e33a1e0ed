/*
 * Does fork make a copy that equals the original, and are both separate afterwards?
 */
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_FORKED 30

static volatile uint64_t variable = 5;
static volatile uint64_t zeroed[4096];

/* In the child: its end. A check that failed in it shows in its exit code. */
static _Noreturn void leave(bool well) { program_exit(well ? CODE_FORKED : ROLE_FAILED); }

static void fork_returns_twice(void) {
    uint64_t parent = own_pid();
    uint64_t pid;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        return;
    if (pid == 0)
        leave(own_pid() != parent && parent_pid() == parent);
    CHECK(pid > parent);
    CHECK_EQUAL(own_pid(), parent);
    CHECK_EXIT(pid, CODE_FORKED);
}

static void fork_copies_memory(void) {
    volatile uint64_t local = 7;
    uint64_t pid;
    variable = 6;
    zeroed[1000] = 8;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        return;
    if (pid == 0)
        leave(variable == 6 && local == 7 && zeroed[1000] == 8 && zeroed[3000] == 0);
    CHECK_EXIT(pid, CODE_FORKED);
}

static void fork_keeps_what_the_child_writes_from_the_parent(void) {
    volatile uint64_t local = 7;
    uint64_t pid;
    variable = 6;
    zeroed[1000] = 8;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        return;
    if (pid == 0) {
        variable = local = zeroed[1000] = zeroed[2000] = 99;
        leave(variable == 99 && local == 99 && zeroed[1000] == 99);
    }
    CHECK_EXIT(pid, CODE_FORKED);
    CHECK_EQUAL(variable, 6);
    CHECK_EQUAL(local, 7);
    CHECK_EQUAL(zeroed[1000], 8);
    CHECK_EQUAL(zeroed[2000], 0);
}

static void fork_keeps_what_the_parent_writes_from_the_child(void) {
    uint64_t pid;
    variable = 6;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        return;
    if (pid == 0) {
        spin_ns(50000000);
        leave(variable == 6 && zeroed[5] == 0);
    }
    variable = 60;
    zeroed[5] = 1;
    CHECK_EXIT(pid, CODE_FORKED);
    zeroed[5] = 0;
}

static void fork_of_a_fork(void) {
    uint64_t pid;
    variable = 1;
    for (uint64_t depth = 2; depth < 8; depth++) {
        if (!CHECK_STATUS(fork_process(&pid), OK))
            return;
        if (pid != 0) {
            bool well = CHECK_EXIT(pid, CODE_FORKED) && variable == depth - 1;
            if (own_pid() != 1)
                leave(well);
            CHECK(well);
            return;
        }
        variable = depth;
    }
    leave(variable == 7);
}

static void fork_keeps_capabilities_in_their_slots(void) {
    uint64_t pid;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        return;
    if (pid == 0) {
        bool well = CHECK_EXIT(START_ROLE("leave", "4"), 4); /* by its name and slot */
        leave(well && program_cap("tap") != 0);
    }
    CHECK_EXIT(pid, CODE_FORKED);
}

static void fork_gives_the_child_no_children(void) {
    struct process_wait_reply end;
    uint64_t pid;
    uint64_t child = START_ROLE("leave_later", "100", "1");
    if (!CHECK_STATUS(fork_process(&pid), OK))
        return;
    if (pid == 0)
        leave(wait_for(child, &end) == P_NO_CHILD && wait_no_hang(PROCESS_ANY, &end) == P_NO_CHILD);
    CHECK_EXIT(pid, CODE_FORKED);
    CHECK_EXIT(child, 1);
}

static void fork_then_exec(void) {
    uint64_t pid;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        return;
    if (pid == 0) {
        (void)EXEC_ROLE("leave", "44");
        leave(false);
    }
    CHECK_EXIT(pid, 44);
}

static void fork_of_a_child_that_faults(void) {
    uint64_t pid;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        return;
    if (pid == 0)
        __builtin_trap();
    CHECK_KILLED(pid, PROCESS_SIGILL);
}

static void fork_until_the_table_is_full(void) {
    struct process_wait_reply end;
    uint64_t count = 0;
    uint64_t pid;
    uint32_t status;
    while (count < 4096 && (status = fork_process(&pid)) == OK) {
        if (pid == 0)
            leave(true);
        count++;
    }
    CHECK(count >= 16 && (status == P_LIMIT || status == P_NO_MEMORY));
    for (; count > 0; count--)
        if (!CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK) || !CHECK_EQUAL(end.value, CODE_FORKED))
            break;
}

static void fork_1000_times(void) {
    for (uint32_t i = 0; i < 1000; i++) {
        uint64_t pid;
        if (!CHECK_STATUS(fork_process(&pid), OK))
            break;
        if (pid == 0)
            leave(true);
        if (!CHECK_EXIT(pid, CODE_FORKED))
            break;
    }
}

#define FORK(name) CASE_NEEDS(name, OPERATION(fork))
static const struct test_case cases[] = {
    FORK(fork_returns_twice),
    FORK(fork_copies_memory),
    FORK(fork_keeps_what_the_child_writes_from_the_parent),
    FORK(fork_keeps_what_the_parent_writes_from_the_child),
    FORK(fork_of_a_fork),
    FORK(fork_keeps_capabilities_in_their_slots),
    FORK(fork_gives_the_child_no_children),
    FORK(fork_then_exec),
    FORK(fork_of_a_child_that_faults),
    FORK(fork_until_the_table_is_full),
    FORK(fork_1000_times),
};
static int role_nothing(int argc, char **argv) {
    (void)argc, (void)argv;
    return 0;
}
static const struct role roles[] = {ROLE(nothing)};
GROUP(fork);
