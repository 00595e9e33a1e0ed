/*
 * Does a signal's handler run where and when it should, and leave no trace? What do masks and actions do?
 *
 * Nearly everything happens in a child, so that process 1 keeps no handler: such a case is a role of its own name. If
 * it forks, both sides return from the role.
 */
#include "test/process/signals.h"

/* ---- handlers run and return ---- */

IN_CHILD(signal_calls_its_handler) {
    handle(PROCESS_SIGUSR1);
    (void)mask_to(BIT(PROCESS_SIGUSR2));
    for (uint64_t i = 1; i <= 100; i++) {
        CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
        if (!CHECK_EQUAL(seen[PROCESS_SIGUSR1], i))
            break;
    }
    CHECK_EQUAL(last.signal, PROCESS_SIGUSR1);
    CHECK_EQUAL(last.sender, own_pid());
    CHECK_EQUAL(last.fault, 0);
    CHECK_EQUAL(last.mask, BIT(PROCESS_SIGUSR2));
    CHECK_EQUAL(last_at % 16, 0);
    CHECK_EQUAL(masked_now(), BIT(PROCESS_SIGUSR2));
    return CODE_SIGNALLED;
}

/* Spins until there is something else than 0 at `flag`. Are all registers, and what lies below the stack, as before? */
_Bool spin_with_registers(volatile uint64_t *flag);
__asm__(".text\n"
        "spin_with_registers:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov $0x100, %eax; mov $0x101, %ebx; mov $0x102, %ecx; mov $0x103, %edx; mov $0x104, %esi\n"
        "    mov $0x105, %ebp; mov $0x106, %r8d; mov $0x107, %r9d; mov $0x108, %r10d; mov $0x109, %r11d\n"
        "    mov $0x10a, %r12d; mov $0x10b, %r13d; mov $0x10c, %r14d; mov $0x10d, %r15d\n"
        "    movq $0x10e, -8(%rsp); movq $0x10f, -128(%rsp)\n"
        "1:  cmpq $0, (%rdi)\n"
        "    je 1b\n"
        "    sub $0x100, %rax; sub $0x101, %rbx; sub $0x102, %rcx; sub $0x103, %rdx; sub $0x104, %rsi\n"
        "    sub $0x105, %rbp; sub $0x106, %r8; sub $0x107, %r9; sub $0x108, %r10; sub $0x109, %r11\n"
        "    sub $0x10a, %r12; sub $0x10b, %r13; sub $0x10c, %r14; sub $0x10d, %r15\n"
        "    subq $0x10e, -8(%rsp); subq $0x10f, -128(%rsp)\n"
        "    or %rbx, %rax; or %rcx, %rax; or %rdx, %rax; or %rsi, %rax; or %rbp, %rax; or %r8, %rax\n"
        "    or %r9, %rax; or %r10, %rax; or %r11, %rax; or %r12, %rax; or %r13, %rax; or %r14, %rax; or %r15, %rax\n"
        "    or -8(%rsp), %rax; or -128(%rsp), %rax\n"
        "    sete %al\n"
        "    movzbl %al, %eax\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    ret\n");

IN_CHILD(signal_reaches_who_never_calls_and_keeps_its_registers) {
    handle(PROCESS_SIGUSR1);
    for (uint32_t i = 0; i < 10; i++) {
        uint64_t parent = own_pid();
        uint64_t child = fork_here();
        if (child == 0) {
            CHECK(spin_with_registers(&seen[PROCESS_SIGUSR1]));
            CHECK_EQUAL(last.sender, parent);
            return CODE_SIGNALLED;
        }
        CHECK_STATUS(sleep_ns(SHORT_NS / 4), OK);
        CHECK_STATUS(kill_process(child, PROCESS_SIGUSR1), OK);
        CHECK_EXIT(child, CODE_SIGNALLED);
    }
    return CODE_SIGNALLED;
}

IN_CHILD(signal_interrupts_a_sleep) {
    handle(PROCESS_SIGUSR1);
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(sleep_ns(LONG_NS), P_INTERRUPTED);
        CHECK_EQUAL(seen[PROCESS_SIGUSR1], 1);
        CHECK_STATUS(sleep_ns(1), OK);
        return CODE_SIGNALLED;
    }
    CHECK(reaches_state(child, PROCESS_SLEEPING));
    CHECK_STATUS(kill_process(child, PROCESS_SIGUSR1), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_interrupts_a_wait) {
    handle(PROCESS_SIGUSR1);
    uint64_t child = fork_here();
    if (child == 0) {
        struct process_wait_reply end;
        uint64_t idle = idle_child();
        struct process_wait_request request = {.pid = idle};
        struct protocol_extra extra = {.interruptible = true};
        CHECK_STATUS(process_wait(process, &request, &end, &extra), P_INTERRUPTED);
        CHECK_EQUAL(seen[PROCESS_SIGUSR1], 1);
        end_child(idle);
        return CODE_SIGNALLED;
    }
    CHECK(reaches_state(child, PROCESS_WAITING));
    CHECK_STATUS(kill_process(child, PROCESS_SIGUSR1), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* An ignored signal, a masked one, and one that does nothing by default: none of them interrupts a sleep. */
IN_CHILD(signal_without_a_handler_interrupts_nothing) {
    CHECK_STATUS(signal_ignore(PROCESS_SIGUSR1), OK);
    handle(PROCESS_SIGUSR2);
    (void)mask_to(BIT(PROCESS_SIGUSR2));
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(sleep_ns(10 * SHORT_NS), OK);
        CHECK_EQUAL(order, 0);
        return CODE_SIGNALLED;
    }
    CHECK(reaches_state(child, PROCESS_SLEEPING));
    CHECK_STATUS(kill_process(child, PROCESS_SIGUSR1), OK);
    CHECK_STATUS(kill_process(child, PROCESS_SIGUSR2), OK);
    CHECK_STATUS(kill_process(child, PROCESS_SIGWINCH), OK);
    CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_handler_of_each_number) {
    for (uint64_t signal = 1; signal <= PROCESS_SIGNAL_MAX; signal++) {
        if ((UNMASKABLE & BIT(signal)) != 0)
            continue;
        handle(signal);
        CHECK_STATUS(signal_self(signal), OK);
        if (!CHECK_EQUAL(seen[signal], 1) || !CHECK_EQUAL(last.signal, signal))
            test_note("signal %lu", signal);
    }
    return CODE_SIGNALLED;
}

IN_CHILD(signal_handlers_are_copied_by_fork) {
    handle(PROCESS_SIGUSR1);
    uint64_t child = fork_here();
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(seen[PROCESS_SIGUSR1], 1);
    if (child != 0)
        CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

static int role_signals_itself(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    CHECK_STATUS(signal_self(number_of(argv[1])), OK);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_handlers_do_not_outlive_exec) {
    handle(PROCESS_SIGUSR1);
    uint64_t child = fork_here();
    if (child == 0)
        (void)EXEC_ROLE("signals_itself", text_of(PROCESS_SIGUSR1));
    CHECK_KILLED(child, PROCESS_SIGUSR1);
    return CODE_SIGNALLED;
}

/* ---- masks ---- */

IN_CHILD(signal_masked_waits_and_two_of_a_kind_are_one) {
    handle(PROCESS_SIGUSR1);
    handle(PROCESS_SIGUSR2);
    CHECK_EQUAL(mask_to(BIT(PROCESS_SIGUSR1) | BIT(PROCESS_SIGUSR2)), 0);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR2), OK);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(order, 0);
    CHECK_EQUAL(pending_now(), BIT(PROCESS_SIGUSR1) | BIT(PROCESS_SIGUSR2));
    (void)mask_to(BIT(PROCESS_SIGUSR2));
    CHECK_EQUAL(order, PROCESS_SIGUSR1);
    CHECK_EQUAL(pending_now(), BIT(PROCESS_SIGUSR2));
    (void)mask_to(0);
    CHECK_EQUAL(order, PROCESS_SIGUSR1 * 100 + PROCESS_SIGUSR2);
    CHECK_EQUAL(pending_now(), 0);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_mask_that_is_only_asked_for_stays) {
    CHECK_EQUAL(mask_call(BIT(PROCESS_SIGUSR1), PROCESS_MASK_SET).mask, 0);
    CHECK_EQUAL(mask_call(BIT(PROCESS_SIGUSR2), PROCESS_MASK_ASK).mask, BIT(PROCESS_SIGUSR1));
    CHECK_EQUAL(mask_call(0, PROCESS_MASK_ASK).mask, BIT(PROCESS_SIGUSR1));
    return CODE_SIGNALLED;
}

static uint32_t mask_quietly(uint64_t mask, uint64_t how) {
    struct process_signal_mask_request request = {mask, how};
    struct process_signal_mask_reply reply;
    return process_signal_mask(process, &request, &reply, NULL);
}

IN_CHILD(signal_mask_is_set_quietly_or_not_at_all) {
    handle(PROCESS_SIGUSR1);
    (void)mask_to(BIT(PROCESS_SIGUSR1));
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_STATUS(mask_quietly(BIT(PROCESS_SIGUSR2), PROCESS_MASK_QUIETLY), P_BUSY);
    CHECK_STATUS(mask_quietly(BIT(PROCESS_SIGUSR2), PROCESS_MASK_QUIETLY + 1), P_ARGUMENT);
    CHECK_STATUS(mask_quietly(BIT(PROCESS_SIGUSR2), UINT64_MAX), P_ARGUMENT);
    CHECK_EQUAL(order, 0);
    CHECK_EQUAL(masked_now(), BIT(PROCESS_SIGUSR1));
    CHECK_STATUS(mask_quietly(UINT64_MAX & ~BIT(PROCESS_SIGUSR2), PROCESS_MASK_QUIETLY), OK);
    CHECK_EQUAL(masked_now(), ~(UNMASKABLE | BIT(PROCESS_SIGUSR2)));
    (void)mask_to(0);
    CHECK_EQUAL(order, PROCESS_SIGUSR1);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_mask_lets_kill_and_stop_in) {
    (void)mask_to(UINT64_MAX);
    uint64_t child = idle_child();
    CHECK_STATUS(kill_process(child, PROCESS_SIGTERM), OK);
    CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
    CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGSTOP);
    end_child(child);
    return CODE_SIGNALLED;
}

static void nest(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    if (seen[signal] == 1)
        (void)signal_self(PROCESS_SIGUSR1); /* masked while it runs */
    (void)signal_self(PROCESS_SIGUSR2);
    order = order * 100 + 77;
}

static void go_on(uint64_t signal, const struct process_signal_frame *frame) {
    static const struct process_signal_frame *first;
    note(signal, frame);
    if (first == NULL)
        first = frame;
    CHECK(frame == first);
    if (seen[signal] < 1000)
        (void)signal_self(signal);
}

/* A signal pending at a handler's end is delivered when the handler's frame is gone. */
IN_CHILD(signal_handlers_in_a_row_take_no_more_stack) {
    CHECK_STATUS(signal_handle(PROCESS_SIGUSR1, go_on, 0), OK);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(seen[PROCESS_SIGUSR1], 1000);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_handlers_nest_but_none_in_itself) {
    uint64_t once = PROCESS_SIGUSR1 * 10000 + PROCESS_SIGUSR2 * 100 + 77;
    handle(PROCESS_SIGUSR2);
    CHECK_STATUS(signal_handle(PROCESS_SIGUSR1, nest, 0), OK);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(order, once * 1000000 + once);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_action_masks_others_while_the_handler_runs) {
    uint64_t both = (PROCESS_SIGUSR1 * 100 + 77) * 100 + PROCESS_SIGUSR2;
    handle(PROCESS_SIGUSR2);
    CHECK_STATUS(signal_handle(PROCESS_SIGUSR1, nest, BIT(PROCESS_SIGUSR2)), OK);
    seen[PROCESS_SIGUSR1] = 1; /* no second time */
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(order, both);
    CHECK_EQUAL(masked_now(), 0);
    return CODE_SIGNALLED;
}

static void mask_in_frame(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    ((struct process_signal_frame *)(uintptr_t)frame)->mask = BIT(PROCESS_SIGHUP);
}

IN_CHILD(signal_frame_says_what_is_masked_afterwards) {
    CHECK_STATUS(signal_handle(PROCESS_SIGUSR1, mask_in_frame, 0), OK);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(masked_now(), BIT(PROCESS_SIGHUP));
    return CODE_SIGNALLED;
}

/* ---- actions ---- */

IN_CHILD(signal_default_of_each_number) {
    static const uint64_t stops =
        BIT(PROCESS_SIGSTOP) | BIT(PROCESS_SIGTSTP) | BIT(PROCESS_SIGTTIN) | BIT(PROCESS_SIGTTOU);
    static const uint64_t nothing =
        BIT(PROCESS_SIGCHLD) | BIT(PROCESS_SIGCONT) | BIT(PROCESS_SIGURG) | BIT(PROCESS_SIGWINCH);
    for (uint64_t signal = 1; signal <= PROCESS_SIGNAL_MAX; signal++) {
        bool well;
        uint64_t child = fork_here();
        if (child == 0) {
            begin_group(); /* in an orphaned one TSTP does not stop */
            CHECK_STATUS(signal_self(signal), OK);
            return CODE_SIGNALLED;
        }
        if ((stops & BIT(signal)) != 0) {
            well = CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, signal);
            end_child(child);
        } else if ((nothing & BIT(signal)) != 0) {
            well = CHECK_EXIT(child, CODE_SIGNALLED);
        } else {
            well = CHECK_KILLED(child, signal);
        }
        if (!well)
            test_note("signal %lu", signal);
    }
    return CODE_SIGNALLED;
}

IN_CHILD(signal_ignored_of_each_number) {
    for (uint64_t signal = 1; signal <= PROCESS_SIGNAL_MAX; signal++) {
        if ((UNMASKABLE & BIT(signal)) != 0)
            continue;
        CHECK_STATUS(signal_ignore(signal), OK);
        CHECK_STATUS(signal_self(signal), OK);
    }
    CHECK_EQUAL(pending_now(), 0);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_action_tells_what_it_was) {
    uint64_t before;
    handle(PROCESS_SIGUSR1); /* so that handlers can be had */
    for (uint64_t signal = 1; signal <= PROCESS_SIGNAL_MAX; signal++) {
        if ((UNMASKABLE & BIT(signal)) != 0 || signal == PROCESS_SIGUSR1)
            continue;
        CHECK_STATUS(act(signal, PROCESS_SIGNAL_HANDLE, &before), OK);
        CHECK_EQUAL(before, PROCESS_SIGNAL_DEFAULT);
        CHECK_STATUS(act(signal, PROCESS_SIGNAL_IGNORE, &before), OK);
        CHECK_EQUAL(before, PROCESS_SIGNAL_HANDLE);
        CHECK_STATUS(act(signal, PROCESS_SIGNAL_DEFAULT, &before), OK);
        CHECK_EQUAL(before, PROCESS_SIGNAL_IGNORE);
    }
    return CODE_SIGNALLED;
}

IN_CHILD(signal_action_refuses) {
    uint64_t before;
    CHECK_STATUS(act(PROCESS_SIGUSR1, PROCESS_SIGNAL_HANDLE, &before), P_ARGUMENT); /* before signal_entry */
    handle(PROCESS_SIGUSR1);
    CHECK_STATUS(act(PROCESS_SIGUSR1, PROCESS_SIGNAL_HANDLE, &before), OK);
    for (uint64_t disposition = PROCESS_SIGNAL_DEFAULT; disposition <= PROCESS_SIGNAL_HANDLE; disposition++) {
        CHECK_STATUS(act(0, disposition, &before), P_ARGUMENT);
        CHECK_STATUS(act(PROCESS_SIGNAL_MAX + 1, disposition, &before), P_ARGUMENT);
        CHECK_STATUS(act(1ULL << 32 | PROCESS_SIGUSR1, disposition, &before), P_ARGUMENT);
    }
    CHECK_STATUS(act(PROCESS_SIGUSR1, PROCESS_SIGNAL_HANDLE + 1, &before), P_ARGUMENT);
    CHECK_STATUS(act(PROCESS_SIGUSR1, UINT64_MAX, &before), P_ARGUMENT);
    CHECK_STATUS(act(PROCESS_SIGKILL, PROCESS_SIGNAL_HANDLE, &before), P_ARGUMENT);
    CHECK_STATUS(act(PROCESS_SIGKILL, PROCESS_SIGNAL_IGNORE, &before), P_ARGUMENT);
    CHECK_STATUS(act(PROCESS_SIGSTOP, PROCESS_SIGNAL_HANDLE, &before), P_ARGUMENT);
    CHECK_STATUS(act(PROCESS_SIGSTOP, PROCESS_SIGNAL_IGNORE, &before), P_ARGUMENT);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(seen[PROCESS_SIGUSR1], 1); /* what was refused has changed nothing */
    return CODE_SIGNALLED;
}

/* The suite is process 1, and has no handlers. */
static void signal_to_process_1_does_nothing(void) {
    for (uint64_t signal = 1; signal <= PROCESS_SIGNAL_MAX; signal++)
        CHECK_STATUS(kill_process(1, signal), OK);
}

static const struct test_case cases[] = {
    SIGNAL(signal_calls_its_handler),
    SIGNAL(signal_reaches_who_never_calls_and_keeps_its_registers),
    SIGNAL_AND(signal_interrupts_a_sleep, OPERATION(list)),
    SIGNAL_AND(signal_interrupts_a_wait, OPERATION(list)),
    SIGNAL_AND(signal_without_a_handler_interrupts_nothing, OPERATION(list)),
    SIGNAL(signal_handler_of_each_number),
    SIGNAL(signal_handlers_are_copied_by_fork),
    SIGNAL(signal_handlers_do_not_outlive_exec),
    SIGNAL(signal_masked_waits_and_two_of_a_kind_are_one),
    SIGNAL(signal_mask_that_is_only_asked_for_stays),
    SIGNAL(signal_mask_is_set_quietly_or_not_at_all),
    SIGNAL(signal_mask_lets_kill_and_stop_in),
    SIGNAL(signal_handlers_in_a_row_take_no_more_stack),
    SIGNAL(signal_handlers_nest_but_none_in_itself),
    SIGNAL(signal_action_masks_others_while_the_handler_runs),
    SIGNAL(signal_frame_says_what_is_masked_afterwards),
    SIGNAL(signal_default_of_each_number),
    SIGNAL(signal_ignored_of_each_number),
    SIGNAL(signal_action_tells_what_it_was),
    SIGNAL(signal_action_refuses),
    CASE_NEEDS(signal_to_process_1_does_nothing, OPERATION(kill)),
};
static const struct role roles[] = {
    ROLE(signals_itself),
    ROLE(signal_calls_its_handler),
    ROLE(signal_reaches_who_never_calls_and_keeps_its_registers),
    ROLE(signal_interrupts_a_sleep),
    ROLE(signal_interrupts_a_wait),
    ROLE(signal_without_a_handler_interrupts_nothing),
    ROLE(signal_handler_of_each_number),
    ROLE(signal_handlers_are_copied_by_fork),
    ROLE(signal_handlers_do_not_outlive_exec),
    ROLE(signal_masked_waits_and_two_of_a_kind_are_one),
    ROLE(signal_mask_that_is_only_asked_for_stays),
    ROLE(signal_mask_is_set_quietly_or_not_at_all),
    ROLE(signal_mask_lets_kill_and_stop_in),
    ROLE(signal_handlers_in_a_row_take_no_more_stack),
    ROLE(signal_handlers_nest_but_none_in_itself),
    ROLE(signal_action_masks_others_while_the_handler_runs),
    ROLE(signal_frame_says_what_is_masked_afterwards),
    ROLE(signal_default_of_each_number),
    ROLE(signal_ignored_of_each_number),
    ROLE(signal_action_tells_what_it_was),
    ROLE(signal_action_refuses),
};
GROUP(signal);
