/*
 * Does a signal's handler run where and when it shall, and leave no trace? What do masks, faults, stops and alarms do?
 *
 * Nearly all of it happens in a child, so that process 1 keeps no handler: such a case is a role of the same name. Where
 * that forks, both sides return from the role.
 */
#include "libsys/signal.h"
#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/string.h"
#include "test/process/child.h"

#define CODE_SIGNALLED 32
#define LONG_NS 1000000000000ULL
#define SHORT_NS 20000000ULL
#define BIT(signal) (1ULL << ((signal)-1))
#define UNMASKABLE (BIT(PROCESS_SIGKILL) | BIT(PROCESS_SIGSTOP))
#define NOWHERE 0x6000001238ULL /* nothing is mapped there */

#define IN_CHILD(name)                                            \
    static int name##_there(void);                                \
    static int role_##name(int argc, char **argv) {               \
        (void)argc, (void)argv;                                   \
        return name##_there();                                    \
    }                                                             \
    static void name(void) { CHECK_ROLE(CODE_SIGNALLED, #name); } \
    static int name##_there(void)

/* ---- operations ---- */

static uint64_t fork_here(void) {
    uint64_t pid;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        program_exit(ROLE_FAILED);
    return pid;
}

static uint32_t sleep_ns(uint64_t duration_ns) {
    struct process_sleep_request request = {duration_ns};
    struct process_sleep_reply reply;
    return process_sleep(process, &request, &reply, NULL);
}

static struct process_signal_mask_reply mask_call(uint64_t mask, uint64_t keep) {
    struct process_signal_mask_request request = {mask, keep};
    struct process_signal_mask_reply reply = {0};
    CHECK_STATUS(process_signal_mask(process, &request, &reply, NULL), OK);
    return reply;
}

static uint64_t mask_to(uint64_t mask) { return mask_call(mask, 0).mask; }
static uint64_t masked_now(void) { return mask_call(0, 1).mask; }
static uint64_t pending_now(void) { return mask_call(0, 1).pending; }

static uint32_t act(uint64_t signal, uint64_t disposition, uint64_t *ret_before) {
    struct process_signal_action_request request = {.signal = signal, .disposition = disposition};
    struct process_signal_action_reply reply = {0};
    uint32_t status = process_signal_action(process, &request, &reply, NULL);
    *ret_before = reply.disposition;
    return status;
}

static uint32_t use_stack(const void *at, uint64_t size_bytes) {
    struct process_signal_stack_request request = {(uaddr_t)at, size_bytes};
    struct process_signal_stack_reply reply;
    return process_signal_stack(process, &request, &reply, NULL);
}

static uint32_t wait_masking(uint64_t mask) {
    struct process_signal_wait_request request = {mask};
    struct process_signal_wait_reply reply;
    return process_signal_wait(process, &request, &reply, NULL);
}

/* What was left of the one before. */
static uint64_t alarm_after(uint64_t duration_ns) {
    struct process_alarm_request request = {duration_ns};
    struct process_alarm_reply reply = {0};
    CHECK_STATUS(process_alarm(process, &request, &reply, NULL), OK);
    return reply.left_ns;
}

#define CHECK_NEWS(pid, flags, end, value) check_news((pid), (flags), (end), (value), __LINE__)
static bool check_news(uint64_t pid, uint64_t flags, uint64_t end, uint64_t value, int line) {
    struct process_wait_reply reply;
    return check_status(wait_with(process, pid, flags, &reply), OK, __FILE__, line, "wait for news") &&
           check_equal(reply.end, end, __FILE__, line, "news") &&
           check_equal(reply.value, value, __FILE__, line, "value of the news") &&
           check_equal(reply.pid, pid, __FILE__, line, "whose news");
}

static uint64_t idle_child(void) {
    uint64_t pid = fork_here();
    while (pid == 0)
        (void)sleep_ns(LONG_NS);
    return pid;
}

static void end_child(uint64_t pid) {
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

/* ---- handlers ---- */

static volatile uint64_t seen[PROCESS_SIGNAL_MAX + 1], order;
static struct process_signal_frame last;
static volatile uintptr_t last_at; /* of the frame */

static void note(uint64_t signal, const struct process_signal_frame *frame) {
    seen[signal]++;
    order = order * 100 + signal;
    memcpy(&last, frame, sizeof last);
    last_at = (uintptr_t)frame;
}

static bool handle(uint64_t signal) { return CHECK_STATUS(signal_handle(signal, note, 0), OK); }

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
        CHECK_STATUS(wait_for(idle, &end), P_INTERRUPTED);
        CHECK_EQUAL(seen[PROCESS_SIGUSR1], 1);
        end_child(idle);
        return CODE_SIGNALLED;
    }
    CHECK(reaches_state(child, PROCESS_WAITING));
    CHECK_STATUS(kill_process(child, PROCESS_SIGUSR1), OK);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* Neither what is ignored or masked nor what does nothing by default. */
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
            remark("signal %lu", signal);
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
    CHECK_EQUAL(mask_call(BIT(PROCESS_SIGUSR1), 0).mask, 0);
    CHECK_EQUAL(mask_call(BIT(PROCESS_SIGUSR2), 1).mask, BIT(PROCESS_SIGUSR1));
    CHECK_EQUAL(mask_call(0, 1).mask, BIT(PROCESS_SIGUSR1));
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
            remark("signal %lu", signal);
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

/* ---- signal_wait ---- */

IN_CHILD(signal_wait_lets_signals_in_and_puts_the_mask_back) {
    handle(PROCESS_SIGUSR1);
    handle(PROCESS_SIGUSR2);
    (void)mask_to(BIT(PROCESS_SIGUSR1));
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(wait_masking(BIT(PROCESS_SIGUSR2)), P_INTERRUPTED);
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
        CHECK_STATUS(wait_masking(0), P_INTERRUPTED);
        CHECK_EQUAL(seen[PROCESS_SIGUSR1], i);
        CHECK_EQUAL(masked_now(), BIT(PROCESS_SIGUSR1));
        CHECK_EQUAL(last.mask, BIT(PROCESS_SIGUSR1));
    }
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
        CHECK_STATUS(wait_masking(0), P_INTERRUPTED);
        CHECK_EQUAL(seen[PROCESS_SIGCHLD], i + 1);
        CHECK_EQUAL(last.sender, child);
    }
    CHECK_KILLED(child, PROCESS_SIGKILL);
    return CODE_SIGNALLED;
}

#define HANDLERS                                                                                                 \
    (OPERATION(fork) | OPERATION(kill) | OPERATION(sleep) | OPERATION(signal_entry) | OPERATION(signal_action) | \
     OPERATION(signal_mask))
#define SIGNAL(name) CASE_NEEDS(name, HANDLERS)
#define SIGNAL_AND(name, others) CASE_NEEDS(name, HANDLERS | (others))
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
    SIGNAL(signal_mask_lets_kill_and_stop_in),
    SIGNAL(signal_handlers_nest_but_none_in_itself),
    SIGNAL(signal_action_masks_others_while_the_handler_runs),
    SIGNAL(signal_frame_says_what_is_masked_afterwards),
    SIGNAL(signal_default_of_each_number),
    SIGNAL(signal_ignored_of_each_number),
    SIGNAL(signal_action_tells_what_it_was),
    SIGNAL(signal_action_refuses),
    CASE_NEEDS(signal_to_process_1_does_nothing, OPERATION(kill)),
    SIGNAL(signal_handler_of_a_fault_may_jump_over_it),
    SIGNAL_AND(signal_handler_of_a_page_fault_may_map_the_page, OPERATION(map)),
    SIGNAL(signal_handler_learns_the_fault),
    SIGNAL(signal_of_a_fault_ends_if_masked_or_ignored),
    SIGNAL(signal_handler_that_faults_itself_ends),
    SIGNAL_AND(signal_stack_is_where_handlers_run, OPERATION(signal_stack)),
    SIGNAL_AND(signal_stack_serves_an_overflow, OPERATION(signal_stack)),
    CASE_NEEDS(signal_stack_refuses_too_small_ones, OPERATION(signal_stack)),
    SIGNAL_AND(signal_wait_lets_signals_in_and_puts_the_mask_back, OPERATION(signal_wait) | OPERATION(list)),
    SIGNAL_AND(signal_wait_ends_at_once_if_one_is_pending, OPERATION(signal_wait)),
    SIGNAL_AND(alarm_comes_once, OPERATION(alarm)),
    SIGNAL_AND(alarm_replaces_the_one_before, OPERATION(alarm)),
    CASE_NEEDS(alarm_ends_by_default, OPERATION(fork) | OPERATION(alarm)),
    SIGNAL(stop_and_continue_are_told_once),
    SIGNAL_AND(stop_wakes_who_waits_for_it, OPERATION(list)),
    SIGNAL_AND(stop_holds_it_until_it_continues, OPERATION(map) | OPERATION(list)),
    SIGNAL(stop_delays_all_but_kill),
    SIGNAL_AND(stop_of_who_sleeps_keeps_its_sleep, OPERATION(list)),
    SIGNAL(wait_refuses_other_flags),
    SIGNAL_AND(child_s_end_stop_and_going_on_are_signalled, OPERATION(signal_wait)),
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
    ROLE(signal_mask_lets_kill_and_stop_in),
    ROLE(signal_handlers_nest_but_none_in_itself),
    ROLE(signal_action_masks_others_while_the_handler_runs),
    ROLE(signal_frame_says_what_is_masked_afterwards),
    ROLE(signal_default_of_each_number),
    ROLE(signal_ignored_of_each_number),
    ROLE(signal_action_tells_what_it_was),
    ROLE(signal_action_refuses),
    ROLE(signal_handler_of_a_fault_may_jump_over_it),
    ROLE(signal_handler_of_a_page_fault_may_map_the_page),
    ROLE(signal_handler_learns_the_fault),
    ROLE(signal_of_a_fault_ends_if_masked_or_ignored),
    ROLE(signal_handler_that_faults_itself_ends),
    ROLE(signal_stack_is_where_handlers_run),
    ROLE(signal_stack_serves_an_overflow),
    ROLE(signal_stack_refuses_too_small_ones),
    ROLE(signal_wait_lets_signals_in_and_puts_the_mask_back),
    ROLE(signal_wait_ends_at_once_if_one_is_pending),
    ROLE(alarm_comes_once),
    ROLE(alarm_replaces_the_one_before),
    ROLE(alarm_ends_by_default),
    ROLE(stop_and_continue_are_told_once),
    ROLE(stop_wakes_who_waits_for_it),
    ROLE(stop_holds_it_until_it_continues),
    ROLE(stop_delays_all_but_kill),
    ROLE(stop_of_who_sleeps_keeps_its_sleep),
    ROLE(wait_refuses_other_flags),
    ROLE(child_s_end_stop_and_going_on_are_signalled),
};
GROUP(signal);
