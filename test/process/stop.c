/*
 * signal_wait, alarms, stops, and a parent's news of its children.
 */
#include "test/process/signals.h"

/* ---- signal_wait ---- */

IN_CHILD(signal_wait_lets_signals_in_and_puts_the_mask_back) {
    handle(PROCESS_SIGUSR1);
    handle(PROCESS_SIGUSR2);
    (void)mask_to(BIT(PROCESS_SIGUSR1));
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(wait_masking(process, BIT(PROCESS_SIGUSR2)), OK);
        CHECK_EQUAL(order, PROCESS_SIGUSR1 * 100 + PROCESS_SIGUSR2); /* the other one once the mask is back */
        CHECK_EQUAL(masked_now(), BIT(PROCESS_SIGUSR1));
        return CODE_SIGNALLED;
    }
    CHECK(reaches_state(child, PROCESS_SLEEPING));
    CHECK_STATUS(kill_process(child, PROCESS_SIGUSR2), OK);
    CHECK_STATUS(kill_process(child, PROCESS_SIGUSR1), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_wait_ends_at_once_if_one_is_pending) {
    handle(PROCESS_SIGUSR1);
    (void)mask_to(BIT(PROCESS_SIGUSR1));
    for (uint64_t i = 1; i <= 10; i++) {
        CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
        CHECK_STATUS(wait_masking(process, 0), OK);
        CHECK_EQUAL(seen[PROCESS_SIGUSR1], i);
        CHECK_EQUAL(masked_now(), BIT(PROCESS_SIGUSR1));
        CHECK_EQUAL(last.mask, BIT(PROCESS_SIGUSR1));
    }
    return CODE_SIGNALLED;
}

/* Uses its parent's own capability: while the parent sleeps, no other call can wait with it. */
static int role_signal_wait_as_the_boss(int argc, char **argv) {
    (void)argc, (void)argv;
    CHECK(reaches_state(parent_pid(), PROCESS_SLEEPING));
    CHECK_STATUS(wait_masking(program_cap("boss"), 0), P_BUSY);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_wait_is_refused_while_another_waits) {
    static const char *const with_boss[] = {"boss=process", NULL};
    uint64_t child = START_ROLE_WITH(with_boss, "signal_wait_as_the_boss");
    CHECK_STATUS(sleep_ns(20 * SHORT_NS), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* ---- alarm ---- */

IN_CHILD(alarm_comes_once) {
    handle(PROCESS_SIGALRM);
    CHECK_EQUAL(alarm_after(SHORT_NS), 0);
    CHECK_STATUS(sleep_ns(LONG_NS), P_INTERRUPTED);
    CHECK_EQUAL(seen[PROCESS_SIGALRM], 1);
    CHECK_EQUAL(last.sender, 0);
    CHECK_EQUAL(alarm_after(0), 0);
    CHECK_STATUS(sleep_ns(3 * SHORT_NS), OK);
    return CODE_SIGNALLED;
}

IN_CHILD(alarm_replaces_the_one_before) {
    handle(PROCESS_SIGALRM);
    CHECK_EQUAL(alarm_after(LONG_NS), 0);
    uint64_t left_ns = alarm_after(2 * LONG_NS);
    CHECK(left_ns > LONG_NS / 2 && left_ns <= LONG_NS);
    left_ns = alarm_after(SHORT_NS);
    CHECK(left_ns > LONG_NS && left_ns <= 2 * LONG_NS);
    CHECK(alarm_after(0) <= SHORT_NS);
    CHECK_STATUS(sleep_ns(3 * SHORT_NS), OK); /* it does not come any more */
    CHECK_EQUAL(seen[PROCESS_SIGALRM], 0);
    return CODE_SIGNALLED;
}

IN_CHILD(alarm_ends_by_default) {
    uint64_t child = fork_here();
    if (child == 0) {
        (void)alarm_after(SHORT_NS);
        for (;;)
            __asm__ volatile("pause");
    }
    CHECK_KILLED(child, PROCESS_SIGALRM);
    return CODE_SIGNALLED;
}

/* ---- stop and continue ---- */

IN_CHILD(stop_and_continue_are_told_once) {
    struct process_wait_reply end;
    uint64_t child = idle_child(), all = PROCESS_WAIT_STOPPED | PROCESS_WAIT_CONTINUED;
    CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
    CHECK_STATUS(wait_with(process, child, PROCESS_WAIT_NO_HANG | PROCESS_WAIT_CONTINUED, &end), E_TIMEOUT);
    CHECK_STATUS(wait_no_hang(child, &end), E_TIMEOUT);
    CHECK_NEWS(child, all, PROCESS_STOPPED, PROCESS_SIGSTOP);
    CHECK_STATUS(wait_with(process, child, PROCESS_WAIT_NO_HANG | all, &end), E_TIMEOUT);
    CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
    CHECK_STATUS(wait_with(process, child, PROCESS_WAIT_NO_HANG | PROCESS_WAIT_STOPPED, &end), E_TIMEOUT);
    CHECK_NEWS(child, all, PROCESS_CONTINUED, 0);
    CHECK_STATUS(wait_with(process, child, PROCESS_WAIT_NO_HANG | all, &end), E_TIMEOUT);
    end_child(child);
    return CODE_SIGNALLED;
}

IN_CHILD(stop_wakes_who_waits_for_it) {
    uint64_t parent = own_pid(), child = fork_here();
    if (child == 0) {
        begin_group();
        CHECK(reaches_state(parent, PROCESS_WAITING));
        CHECK_STATUS(signal_self(PROCESS_SIGTSTP), OK);
        return CODE_SIGNALLED;
    }
    CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGTSTP);
    CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(stop_holds_it_until_it_continues) {
    struct process_map_request request = {
        .length_bytes = PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .flags = PROCESS_MAP_TOGETHER};
    struct process_map_reply reply = {0};
    if (!CHECK_STATUS(process_map(process, &request, &reply, NULL), OK))
        return ROLE_FAILED;
    volatile uint64_t *count = (volatile uint64_t *)reply.at;
    uint64_t child = fork_here();
    while (child == 0)
        ++*count;
    for (uint32_t i = 0; i < 5; i++) {
        struct process_list_reply entry = {0};
        CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
        CHECK(find_process(child, &entry));
        CHECK_EQUAL(entry.state, PROCESS_HALTED);
        uint64_t then = *count;
        CHECK_STATUS(sleep_ns(SHORT_NS), OK);
        CHECK_EQUAL(*count, then);
        CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
        CHECK_STATUS(sleep_ns(SHORT_NS), OK);
        CHECK(*count > then);
    }
    end_child(child);
    return CODE_SIGNALLED;
}

IN_CHILD(stop_delays_all_but_kill) {
    struct process_wait_reply end;
    uint64_t child = idle_child();
    CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
    CHECK_STATUS(kill_process(child, PROCESS_SIGTERM), OK);
    CHECK_STATUS(wait_no_hang(child, &end), E_TIMEOUT);
    CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
    CHECK_KILLED(child, PROCESS_SIGTERM);
    child = idle_child();
    CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
    end_child(child);
    return CODE_SIGNALLED;
}

/* The parent waits all the time, so that it would hear that the child went on before it ended. */
IN_CHILD(stop_that_kill_ends_is_no_going_on) {
    uint64_t child = idle_child(), parent = own_pid(), all = PROCESS_WAIT_STOPPED | PROCESS_WAIT_CONTINUED;
    uint64_t killer = fork_here();
    if (killer == 0) {
        static const uint64_t signals[] = {PROCESS_SIGSTOP, PROCESS_SIGKILL};
        for (uint32_t i = 0; i < 2; i++) {
            CHECK(reaches_state(parent, PROCESS_WAITING));
            CHECK_STATUS(kill_process(child, signals[i]), OK);
        }
        return CODE_SIGNALLED;
    }
    CHECK_NEWS(child, all, PROCESS_STOPPED, PROCESS_SIGSTOP);
    CHECK_NEWS(child, all, PROCESS_KILLED, PROCESS_SIGKILL);
    CHECK_EXIT(killer, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(stop_of_who_sleeps_keeps_its_sleep) {
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(sleep_ns(5 * SHORT_NS), OK);
        return CODE_SIGNALLED;
    }
    CHECK(reaches_state(child, PROCESS_SLEEPING));
    CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
    CHECK_STATUS(sleep_ns(10 * SHORT_NS), OK); /* its time passes meanwhile */
    CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(wait_refuses_other_flags) {
    struct process_wait_reply end;
    uint64_t child = idle_child();
    CHECK_STATUS(wait_with(process, child, 1U << 3, &end), P_ARGUMENT);
    CHECK_STATUS(wait_with(process, child, PROCESS_WAIT_NO_HANG | 1ULL << 63, &end), P_ARGUMENT);
    end_child(child);
    return CODE_SIGNALLED;
}

/* ---- CHLD ---- */

IN_CHILD(child_s_end_stop_and_going_on_are_signalled) {
    handle(PROCESS_SIGCHLD);
    (void)mask_to(BIT(PROCESS_SIGCHLD)); /* but in signal_wait */
    static const uint64_t signals[] = {PROCESS_SIGSTOP, PROCESS_SIGCONT, PROCESS_SIGKILL};
    uint64_t child = idle_child();
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_STATUS(kill_process(child, signals[i]), OK);
        CHECK_STATUS(wait_masking(process, 0), OK);
        CHECK_EQUAL(seen[PROCESS_SIGCHLD], i + 1);
        CHECK_EQUAL(last.sender, child);
    }
    CHECK_KILLED(child, PROCESS_SIGKILL);
    return CODE_SIGNALLED;
}

static const struct test_case cases[] = {
    SIGNAL_AND(signal_wait_lets_signals_in_and_puts_the_mask_back, OPERATION(signal_wait) | OPERATION(list)),
    SIGNAL_AND(signal_wait_ends_at_once_if_one_is_pending, OPERATION(signal_wait)),
    CASE_NEEDS(signal_wait_is_refused_while_another_waits, OPERATION(signal_wait) | OPERATION(sleep) | OPERATION(list)),
    SIGNAL_AND(alarm_comes_once, OPERATION(alarm)),
    SIGNAL_AND(alarm_replaces_the_one_before, OPERATION(alarm)),
    CASE_NEEDS(alarm_ends_by_default, OPERATION(fork) | OPERATION(alarm)),
    SIGNAL(stop_and_continue_are_told_once),
    SIGNAL_AND(stop_wakes_who_waits_for_it, OPERATION(list) | OPERATION(set_group)),
    SIGNAL_AND(stop_holds_it_until_it_continues, OPERATION(map) | OPERATION(list)),
    SIGNAL(stop_delays_all_but_kill),
    SIGNAL_AND(stop_that_kill_ends_is_no_going_on, OPERATION(list)),
    SIGNAL_AND(stop_of_who_sleeps_keeps_its_sleep, OPERATION(list)),
    SIGNAL(wait_refuses_other_flags),
    SIGNAL_AND(child_s_end_stop_and_going_on_are_signalled, OPERATION(signal_wait)),
};
static const struct role roles[] = {
    ROLE(signal_wait_as_the_boss),
    ROLE(signal_wait_lets_signals_in_and_puts_the_mask_back),
    ROLE(signal_wait_ends_at_once_if_one_is_pending),
    ROLE(signal_wait_is_refused_while_another_waits),
    ROLE(alarm_comes_once),
    ROLE(alarm_replaces_the_one_before),
    ROLE(alarm_ends_by_default),
    ROLE(stop_and_continue_are_told_once),
    ROLE(stop_wakes_who_waits_for_it),
    ROLE(stop_holds_it_until_it_continues),
    ROLE(stop_delays_all_but_kill),
    ROLE(stop_that_kill_ends_is_no_going_on),
    ROLE(stop_of_who_sleeps_keeps_its_sleep),
    ROLE(wait_refuses_other_flags),
    ROLE(child_s_end_stop_and_going_on_are_signalled),
};
GROUP(stop);
