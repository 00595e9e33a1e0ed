/*
 * News between parents, children and their groups: senders of signals, ignored CHLD, orphaned groups. As in signal.c
 * nearly everything happens in a child, and a case is a role of its own name.
 */
#include "test/process/signals.h"

/* ---- senders ---- */

static uint64_t senders[PROCESS_SIGNAL_MAX + 1];
static void note_sender(uint64_t signal, const struct process_signal_frame *frame) { senders[signal] = frame->sender; }

/* A child sends this to its parent. */
static uint64_t send_to_parent(uint64_t signal) {
    uint64_t parent = own_pid(), child = fork_here();
    if (child == 0)
        program_exit(CHECK_STATUS(kill_process(parent, signal), OK) ? CODE_SIGNALLED : ROLE_FAILED);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return child;
}

IN_CHILD(signal_of_a_child_has_its_own_sender) {
    uint64_t both = BIT(PROCESS_SIGUSR1) | BIT(PROCESS_SIGUSR2);
    CHECK_STATUS(signal_handle(PROCESS_SIGUSR1, note_sender, 0), OK);
    CHECK_STATUS(signal_handle(PROCESS_SIGUSR2, note_sender, 0), OK);
    (void)mask_to(both);
    uint64_t first = send_to_parent(PROCESS_SIGUSR1), second = send_to_parent(PROCESS_SIGUSR2);
    (void)send_to_parent(PROCESS_SIGUSR1); /* it is pending: the first sender's */
    (void)mask_to(0);
    CHECK_EQUAL(senders[PROCESS_SIGUSR1], first);
    CHECK_EQUAL(senders[PROCESS_SIGUSR2], second);
    (void)mask_to(both);
    first = send_to_parent(PROCESS_SIGUSR1);
    struct process_thread_signal_request request = {0, PROCESS_SIGUSR2}; /* the only thread: from the process itself */
    struct process_thread_signal_reply reply;
    CHECK_STATUS(process_thread_signal(process, &request, &reply, NULL), OK);
    (void)mask_to(0);
    CHECK_EQUAL(senders[PROCESS_SIGUSR1], first);
    CHECK_EQUAL(senders[PROCESS_SIGUSR2], own_pid());
    return CODE_SIGNALLED;
}

/* ---- CHLD, ignored ---- */

/* Children of this process, which ignores CHLD, must vanish. */
static bool children_vanish(void) {
    struct process_wait_reply end;
    uint64_t child = fork_here();
    if (child == 0)
        program_exit(7);
    CHECK(reaches_state(child, 0));
    CHECK_STATUS(wait_no_hang(child, &end), P_NO_CHILD);
    uint64_t first = fork_here();
    if (first == 0)
        program_exit(sleep_ns(SHORT_NS) == OK ? 7 : 8);
    uint64_t second = fork_here();
    if (second == 0)
        program_exit(sleep_ns(3 * SHORT_NS) == OK ? 7 : 8);
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), P_NO_CHILD); /* for all of them */
    return CHECK(reaches_state(first, 0) && reaches_state(second, 0));
}

static int role_children_vanish(int argc, char **argv) {
    (void)argc, (void)argv;
    return children_vanish() ? CODE_SIGNALLED : ROLE_FAILED;
}

IN_CHILD(chld_ignored_leaves_no_ended_child) {
    uint64_t earlier = fork_here();
    if (earlier == 0)
        return 9;
    CHECK(reaches_state(earlier, PROCESS_ENDED));
    CHECK_STATUS(signal_ignore(PROCESS_SIGCHLD), OK);
    CHECK_EXIT(earlier, 9); /* it had ended before */
    CHECK(children_vanish());
    CHECK_STATUS(signal_handle(PROCESS_SIGCHLD, NULL, 0), OK); /* ignored by default: that keeps them */
    CHECK_ROLE(7, "leave", "7");
    return CODE_SIGNALLED;
}

/* exec keeps what is ignored. */
IN_CHILD(chld_ignored_is_kept_by_exec) {
    CHECK_STATUS(signal_ignore(PROCESS_SIGCHLD), OK);
    (void)EXEC_ROLE("children_vanish");
    return ROLE_FAILED;
}

IN_CHILD(chld_ignored_hides_no_stop) {
    struct process_wait_reply end;
    CHECK_STATUS(signal_ignore(PROCESS_SIGCHLD), OK);
    uint64_t child = idle_child();
    CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
    CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGSTOP);
    CHECK_STATUS(kill_process(child, PROCESS_SIGKILL), OK);
    CHECK_STATUS(wait_for(child, &end), P_NO_CHILD);
    return CODE_SIGNALLED;
}

/* ---- orphaned groups ---- */

static volatile uint64_t *shared_word(void) {
    struct process_map_request request = {
        .length_bytes = PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .flags = PROCESS_MAP_TOGETHER};
    struct process_map_reply reply = {0};
    CHECK_STATUS(process_map(process, &request, &reply, NULL), OK);
    return (volatile uint64_t *)reply.at;
}

/* Run a job of two processes, whose leader stops. Records in `shared` what each does when the job gets HUP. */
static int run_job(volatile uint64_t *shared, bool handles) {
    begin_group();
    if (handles)
        CHECK(handle(PROCESS_SIGHUP) && handle(PROCESS_SIGCONT));
    shared[0] = own_pid();
    uint64_t member = fork_here();
    bool leads = member != 0;
    if (leads) {
        shared[1] = member;
        CHECK_STATUS(signal_self(PROCESS_SIGSTOP), OK);
    }
    while (!handles || seen[PROCESS_SIGHUP] == 0 || seen[PROCESS_SIGCONT] == 0) {
        shared[4 + leads]++; /* it runs */
        (void)sleep_ns(SHORT_NS);
    }
    shared[2 + leads] = order;
    return CODE_SIGNALLED;
}

/* Start such a job, and end the process that holds it. */
static volatile uint64_t *orphan_a_job(bool handles) {
    volatile uint64_t *shared = shared_word();
    uint64_t holder = fork_here();
    if (holder == 0) {
        uint64_t leader = fork_here();
        if (leader == 0)
            program_exit(run_job(shared, handles));
        CHECK_NEWS(leader, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGSTOP);
        program_exit(test_has_failed() ? ROLE_FAILED : CODE_SIGNALLED);
    }
    CHECK_EXIT(holder, CODE_SIGNALLED);
    CHECK(reaches_state(shared[0], 0) && reaches_state(shared[1], 0));
    return shared;
}

IN_CHILD(orphaned_group_hangs_up_and_goes_on) {
    volatile uint64_t *shared = orphan_a_job(true);
    for (uint32_t i = 0; i < 2; i++) /* HUP and CONT, once each, in either order */
        CHECK(shared[2 + i] == PROCESS_SIGHUP * 100 + PROCESS_SIGCONT ||
              shared[2 + i] == PROCESS_SIGCONT * 100 + PROCESS_SIGHUP);
    return CODE_SIGNALLED;
}

IN_CHILD(orphaned_group_ends_without_handlers) {
    volatile uint64_t *shared = orphan_a_job(false);
    CHECK_EQUAL(shared[5], 0); /* the stopped one did not run on before it ended */
    return CODE_SIGNALLED;
}

/* No parent holds the suite's own group, so it is orphaned. */
IN_CHILD(orphaned_group_is_stopped_by_stop_alone) {
    static const uint64_t signals[] = {PROCESS_SIGTSTP, PROCESS_SIGTTIN, PROCESS_SIGTTOU};
    uint64_t child = idle_child();
    for (uint32_t i = 0; i < 3; i++)
        CHECK_STATUS(signal_self(signals[i]), OK);
    CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
    CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGSTOP);
    end_child(child);
    return CODE_SIGNALLED;
}

/* ---- waiting for a group ---- */

IN_CHILD(wait_of_a_group_finds_its_children_alone) {
    struct process_wait_reply end;
    uint64_t own = PROCESS_GROUP | group_of(0).group, other = fork_here();
    if (other == 0) {
        begin_group();
        return 1;
    }
    uint64_t same = fork_here();
    if (same == 0)
        return 2;
    uint64_t living = idle_child();
    CHECK(reaches_state(other, PROCESS_ENDED) && reaches_state(same, PROCESS_ENDED));
    CHECK_STATUS(wait_with(process, own, 0, &end), OK);
    CHECK(end.pid == same && end.value == 2);
    CHECK_STATUS(wait_no_hang(own, &end), E_TIMEOUT);
    CHECK_STATUS(kill_process(living, PROCESS_SIGSTOP), OK);
    CHECK_STATUS(wait_no_hang(own, &end), E_TIMEOUT);
    CHECK_STATUS(wait_with(process, own, PROCESS_WAIT_STOPPED, &end), OK);
    CHECK(end.pid == living && end.end == PROCESS_STOPPED);
    end_child(living);
    CHECK_STATUS(wait_no_hang(own, &end), P_NO_CHILD);
    CHECK_STATUS(wait_no_hang(PROCESS_GROUP | 1ULL << 40 | other, &end), P_NO_CHILD);
    CHECK_STATUS(wait_no_hang(PROCESS_GROUP | other, &end), OK);
    CHECK(end.pid == other && end.value == 1);
    CHECK_STATUS(wait_no_hang(PROCESS_GROUP | other, &end), P_NO_CHILD);
    return CODE_SIGNALLED;
}

/* A waiting parent is told of an end in the group, and when the last child has left the group. */
IN_CHILD(wait_of_a_group_goes_on_until_it_is_empty) {
    struct process_wait_reply end;
    uint64_t parent = own_pid(), group = PROCESS_GROUP | group_of(0).group, first = fork_here();
    if (first == 0) {
        CHECK(reaches_state(parent, PROCESS_WAITING));
        return CODE_SIGNALLED;
    }
    CHECK_STATUS(wait_for(group, &end), OK);
    CHECK(end.pid == first && end.value == CODE_SIGNALLED);
    uint64_t second = fork_here();
    if (second == 0) {
        CHECK(reaches_state(parent, PROCESS_WAITING));
        begin_group();
        return CODE_SIGNALLED;
    }
    CHECK_STATUS(wait_for(group, &end), P_NO_CHILD);
    CHECK_EXIT(second, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

#define FAMILY(name, others) SIGNAL_AND(name, OPERATION(list) | OPERATION(set_group) | (others))
static const struct test_case cases[] = {
    SIGNAL_AND(signal_of_a_child_has_its_own_sender, OPERATION(thread_signal)),
    FAMILY(chld_ignored_leaves_no_ended_child, 0),
    FAMILY(chld_ignored_is_kept_by_exec, 0),
    FAMILY(chld_ignored_hides_no_stop, 0),
    FAMILY(orphaned_group_hangs_up_and_goes_on, OPERATION(map)),
    FAMILY(orphaned_group_ends_without_handlers, OPERATION(map)),
    FAMILY(orphaned_group_is_stopped_by_stop_alone, 0),
    FAMILY(wait_of_a_group_finds_its_children_alone, OPERATION(get_group)),
    FAMILY(wait_of_a_group_goes_on_until_it_is_empty, OPERATION(get_group)),
};
static const struct role roles[] = {
    ROLE(children_vanish),
    ROLE(signal_of_a_child_has_its_own_sender),
    ROLE(chld_ignored_leaves_no_ended_child),
    ROLE(chld_ignored_is_kept_by_exec),
    ROLE(chld_ignored_hides_no_stop),
    ROLE(orphaned_group_hangs_up_and_goes_on),
    ROLE(orphaned_group_ends_without_handlers),
    ROLE(orphaned_group_is_stopped_by_stop_alone),
    ROLE(wait_of_a_group_finds_its_children_alone),
    ROLE(wait_of_a_group_goes_on_until_it_is_empty),
};
GROUP(family);
