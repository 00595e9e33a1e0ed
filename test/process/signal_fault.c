/*
 * Handlers of faults, and on another stack.
 */
#include "test/process/signals.h"

/* ---- faults ---- */

static void jump_over(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    ((struct process_signal_frame *)(uintptr_t)frame)->registers[16] += 2; /* rip, over ud2 */
}

IN_CHILD(signal_handler_of_a_fault_may_jump_over_it) {
    CHECK_STATUS(signal_handle(PROCESS_SIGILL, jump_over, 0), OK);
    for (uint64_t i = 1; i <= 20; i++) {
        __asm__ volatile("ud2" ::: "memory");
        CHECK_EQUAL(seen[PROCESS_SIGILL], i);
    }
    CHECK_EQUAL(last.fault, FAULT_INSTRUCTION);
    CHECK_EQUAL(last.sender, 0);
    return CODE_SIGNALLED;
}

IN_CHILD(signal_handler_may_trace_step_by_step) {
    handle(PROCESS_SIGTRAP);
    __asm__ volatile("lea -128(%%rsp), %%rsp\n"
                     "pushfq; orq $0x100, (%%rsp); popfq\n"
                     "nop; nop; pushfq; andq $~0x100, (%%rsp); popfq\n"
                     "lea 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
    CHECK_EQUAL(seen[PROCESS_SIGTRAP], 5); /* from the one behind which it is traced to the one that ends it */
    CHECK_EQUAL(last.fault, FAULT_STEP);
    return CODE_SIGNALLED;
}

static void map_there(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    struct process_map_request request = {.at = frame->address & ~(PAGE_BYTES - 1),
                                          .length_bytes = PAGE_BYTES,
                                          .rights = MEMORY_READ | MEMORY_WRITE,
                                          .flags = PROCESS_MAP_AT};
    struct process_map_reply reply;
    if (!CHECK_STATUS(process_map(process, &request, &reply, NULL), OK))
        program_exit(ROLE_FAILED);
}

IN_CHILD(signal_handler_of_a_page_fault_may_map_the_page) {
    volatile uint64_t *nowhere = (volatile uint64_t *)NOWHERE;
    CHECK_STATUS(signal_handle(PROCESS_SIGSEGV, map_there, 0), OK);
    *nowhere = 5;
    CHECK_EQUAL(*nowhere, 5);
    CHECK_EQUAL(seen[PROCESS_SIGSEGV], 1);
    CHECK_EQUAL(last.address, NOWHERE);
    CHECK_EQUAL(last.fault, FAULT_PAGE);
    return CODE_SIGNALLED;
}

static void leave_by_fault(uint64_t signal, const struct process_signal_frame *frame) {
    program_exit((int)(frame->signal == signal ? frame->fault : ROLE_FAILED));
}

static void fault_by(uint64_t signal) {
    if (signal == PROCESS_SIGFPE)
        __asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx", "cc");
    if (signal == PROCESS_SIGTRAP)
        __asm__ volatile("int3");
    if (signal == PROCESS_SIGILL)
        __asm__ volatile("ud2");
    *(volatile uint64_t *)NOWHERE = 1;
}

static const struct {
    uint64_t signal, kind;
} faults[] = {
    {PROCESS_SIGFPE, FAULT_DIVIDE},
    {PROCESS_SIGTRAP, FAULT_BREAKPOINT},
    {PROCESS_SIGILL, FAULT_INSTRUCTION},
    {PROCESS_SIGSEGV, FAULT_PAGE},
};
#define FAULTS (sizeof faults / sizeof faults[0])

IN_CHILD(signal_handler_learns_the_fault) {
    for (uint32_t i = 0; i < FAULTS; i++) {
        uint64_t child = fork_here();
        if (child == 0) {
            CHECK_STATUS(signal_handle(faults[i].signal, leave_by_fault, 0), OK);
            fault_by(faults[i].signal);
        }
        CHECK_EXIT(child, faults[i].kind);
    }
    return CODE_SIGNALLED;
}

IN_CHILD(signal_of_a_fault_ends_if_masked_or_ignored) {
    for (uint32_t i = 0; i < 2 * FAULTS; i++) {
        uint64_t signal = faults[i / 2].signal;
        uint64_t child = fork_here();
        if (child == 0) {
            handle(signal);
            if (i % 2 == 0)
                (void)mask_to(BIT(signal));
            else
                CHECK_STATUS(signal_ignore(signal), OK);
            fault_by(signal);
        }
        CHECK_KILLED(child, signal);
    }
    return CODE_SIGNALLED;
}

static void fault_again(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    fault_by(signal);
}

IN_CHILD(signal_handler_that_faults_itself_ends) {
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(signal_handle(PROCESS_SIGSEGV, fault_again, 0), OK);
        fault_by(PROCESS_SIGSEGV);
    }
    CHECK_KILLED(child, PROCESS_SIGSEGV);
    return CODE_SIGNALLED;
}

/* ---- another stack ---- */

static uint8_t other_stack[32768];

static void arrive(uint64_t value) { program_exit(value == 77 ? CODE_SIGNALLED : ROLE_FAILED); }

static void go_elsewhere(uint64_t signal, const struct process_signal_frame *frame) {
    struct thread_registers *registers = (struct thread_registers *)(uintptr_t)frame->registers;
    note(signal, frame);
    registers->rip = (uaddr_t)arrive;
    registers->rdi = 77;
    registers->rsp = (uaddr_t)(other_stack + sizeof other_stack - 8); /* as behind a call */
}

IN_CHILD(signal_handler_may_go_to_another_stack) {
    CHECK_STATUS(signal_handle(PROCESS_SIGUSR1, go_elsewhere, 0), OK);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
    return ROLE_FAILED;
}

static bool is_on_other_stack(uintptr_t at) {
    return at >= (uintptr_t)other_stack && at < (uintptr_t)other_stack + sizeof other_stack;
}

static void nest_on_stack(uint64_t signal, const struct process_signal_frame *frame) {
    CHECK(is_on_other_stack((uintptr_t)frame));
    CHECK_STATUS(signal_self(PROCESS_SIGUSR2), OK);
    CHECK(last_at < (uintptr_t)frame); /* below, not over it */
    CHECK_EQUAL(frame->signal, signal);
}

IN_CHILD(signal_stack_is_where_handlers_run) {
    uint64_t local;
    handle(PROCESS_SIGUSR2);
    CHECK_STATUS(signal_handle(PROCESS_SIGUSR1, nest_on_stack, 0), OK);
    CHECK_STATUS(use_stack(other_stack, sizeof other_stack), OK);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
        CHECK_EQUAL(seen[PROCESS_SIGUSR2], i + 1);
        CHECK(is_on_other_stack(last_at));
    }
    CHECK_STATUS(use_stack(NULL, 0), OK);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR2), OK);
    CHECK(last_at < (uintptr_t)&local && last_at > (uintptr_t)&local - 65536);
    return CODE_SIGNALLED;
}

__attribute__((noinline)) static uint64_t recurse(uint64_t left) {
    volatile uint64_t page[512];
    page[0] = left;
    return left == 0 ? 0 : recurse(left - 1) + page[0];
}

static void leave_from_overflow(uint64_t signal, const struct process_signal_frame *frame) {
    program_exit(signal == PROCESS_SIGSEGV && is_on_other_stack((uintptr_t)frame) ? CODE_SIGNALLED : ROLE_FAILED);
}

IN_CHILD(signal_stack_serves_an_overflow) {
    CHECK_STATUS(signal_handle(PROCESS_SIGSEGV, leave_from_overflow, 0), OK);
    for (uint32_t turn = 0; turn < 2; turn++) {
        uint64_t child = fork_here();
        if (child == 0) {
            if (turn == 0)
                CHECK_STATUS(use_stack(other_stack, sizeof other_stack), OK);
            return (int)recurse(1U << 20);
        }
        if (turn == 0)
            CHECK_EXIT(child, CODE_SIGNALLED);
        else
            CHECK_KILLED(child, PROCESS_SIGSEGV); /* no room for the frame */
    }
    return CODE_SIGNALLED;
}

IN_CHILD(signal_stack_refuses_too_small_ones) {
    CHECK_STATUS(use_stack(other_stack, 1), P_ARGUMENT);
    CHECK_STATUS(use_stack(other_stack, PROCESS_SIGNAL_STACK_MIN - 1), P_ARGUMENT);
    CHECK_STATUS(use_stack(other_stack, PROCESS_SIGNAL_STACK_MIN), OK);
    CHECK_STATUS(use_stack(other_stack, 0), OK);
    return CODE_SIGNALLED;
}

static const struct test_case cases[] = {
    SIGNAL(signal_handler_of_a_fault_may_jump_over_it),
    SIGNAL(signal_handler_may_trace_step_by_step),
    SIGNAL(signal_handler_may_go_to_another_stack),
    SIGNAL_AND(signal_handler_of_a_page_fault_may_map_the_page, OPERATION(map)),
    SIGNAL(signal_handler_learns_the_fault),
    SIGNAL(signal_of_a_fault_ends_if_masked_or_ignored),
    SIGNAL(signal_handler_that_faults_itself_ends),
    SIGNAL_AND(signal_stack_is_where_handlers_run, OPERATION(signal_stack)),
    SIGNAL_AND(signal_stack_serves_an_overflow, OPERATION(signal_stack)),
    CASE_NEEDS(signal_stack_refuses_too_small_ones, OPERATION(signal_stack)),
};
static const struct role roles[] = {
    ROLE(signal_handler_of_a_fault_may_jump_over_it),
    ROLE(signal_handler_may_trace_step_by_step),
    ROLE(signal_handler_may_go_to_another_stack),
    ROLE(signal_handler_of_a_page_fault_may_map_the_page),
    ROLE(signal_handler_learns_the_fault),
    ROLE(signal_of_a_fault_ends_if_masked_or_ignored),
    ROLE(signal_handler_that_faults_itself_ends),
    ROLE(signal_stack_is_where_handlers_run),
    ROLE(signal_stack_serves_an_overflow),
    ROLE(signal_stack_refuses_too_small_ones),
};
GROUP(signal_fault);
