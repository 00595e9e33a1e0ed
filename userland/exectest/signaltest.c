/*
 * Signals, groups and sessions. Each check runs in a child made by fork; the parent knows the expected end.
 *
 *     signaltest         exits with the number of failed checks
 */
#include "libsys/runtime/signal.h"
#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/text.h"
#include "userland/exectest/forked.h"

#define LONG_NS 1000000000000ULL
#define SHORT_NS 20000000ULL
#define BIT(signal) (1ULL << ((signal)-1))

static cap_t process;
static volatile uint64_t seen[PROCESS_SIGNAL_MAX + 1], last_sender, last_fault, last_address, order;

static uint32_t wait_with(uint64_t pid, uint64_t flags, struct process_wait_reply *ret_end) {
    struct process_wait_request request = {.pid = pid, .flags = flags};
    return process_wait(process, &request, ret_end, NULL);
}

static uint32_t kill(uint64_t pid, uint64_t signal) {
    struct process_kill_request request = {pid, signal};
    struct process_kill_reply reply;
    return process_kill(process, &request, &reply, NULL);
}

static uint32_t sleep_ns(uint64_t duration_ns) {
    struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    struct protocol_extra extra = {.interruptible = true};
    return process_sleep(process, &request, &reply, &extra);
}

static uint64_t mask_to(uint64_t mask, uint64_t *ret_pending) {
    struct process_signal_mask_request request = {mask, PROCESS_MASK_SET};
    struct process_signal_mask_reply reply = {0};
    if (process_signal_mask(process, &request, &reply, NULL) != OK)
        program_exit(98);
    if (ret_pending != NULL)
        *ret_pending = reply.pending;
    return reply.mask;
}

static void note(uint64_t signal, const struct process_signal_frame *frame) {
    seen[signal]++;
    order = order * 100 + signal;
    last_sender = frame->sender;
    last_fault = frame->fault;
    last_address = frame->address;
}

static bool handle(uint64_t signal) { return signal_handle(signal, note, 0) == OK; }

/* ---- checks ---- */

static int a_handler_runs_and_returns(void) {
    register uint64_t kept __asm__("r12") = 0x1234567;
    __asm__ volatile("" : "+r"(kept));
    if (!handle(PROCESS_SIGUSR1))
        return 1;
    for (uint64_t i = 1; i <= 100; i++)
        if (signal_self(PROCESS_SIGUSR1) != OK || seen[PROCESS_SIGUSR1] != i)
            return 2;
    __asm__ volatile("" : "+r"(kept));
    return kept == 0x1234567 ? 0 : 3;
}

static int spin_until_seen(uint64_t signal) {
    while (seen[signal] == 0)
        continue;
    return 0;
}

static int a_busy_process_is_interrupted(void) {
    if (!handle(PROCESS_SIGUSR1))
        return 1;
    uint64_t child = fork_here();
    if (child == 0)
        return spin_until_seen(PROCESS_SIGUSR1);
    (void)sleep_ns(SHORT_NS);
    struct process_wait_reply end = {0};
    return kill(child, PROCESS_SIGUSR1) == OK && wait_with(child, 0, &end) == OK && end.end == PROCESS_EXITED
               ? (int)end.value
               : 2;
}

static int a_sleep_is_interrupted(void) {
    if (!handle(PROCESS_SIGUSR1))
        return 1;
    uint64_t child = fork_here();
    if (child == 0)
        return sleep_ns(LONG_NS) == P_INTERRUPTED && seen[PROCESS_SIGUSR1] == 1 ? 0 : 1;
    (void)sleep_ns(SHORT_NS);
    struct process_wait_reply end = {0};
    return kill(child, PROCESS_SIGUSR1) == OK && wait_with(child, 0, &end) == OK ? (int)end.value : 2;
}

static int the_default_ends(void) { return signal_self(PROCESS_SIGTERM) == OK ? 1 : 2; }
static int kill_can_not_be_handled(void) {
    if (signal_handle(PROCESS_SIGKILL, note, 0) != P_ARGUMENT || signal_ignore(PROCESS_SIGSTOP) != P_ARGUMENT)
        return 1;
    return signal_self(PROCESS_SIGKILL) == OK ? 2 : 3;
}

static int ignored_signals_do_nothing(void) {
    return signal_ignore(PROCESS_SIGTERM) == OK && signal_self(PROCESS_SIGTERM) == OK &&
                   signal_self(PROCESS_SIGCHLD) == OK
               ? 0
               : 1;
}

static int masked_signals_wait(void) {
    uint64_t pending;
    if (!handle(PROCESS_SIGUSR1) || !handle(PROCESS_SIGUSR2))
        return 1;
    (void)mask_to(BIT(PROCESS_SIGUSR1) | BIT(PROCESS_SIGUSR2), NULL);
    if (signal_self(PROCESS_SIGUSR2) != OK || signal_self(PROCESS_SIGUSR1) != OK ||
        signal_self(PROCESS_SIGUSR1) != OK || order != 0)
        return 2;
    (void)mask_to(BIT(PROCESS_SIGUSR2), &pending);
    if (pending != (BIT(PROCESS_SIGUSR1) | BIT(PROCESS_SIGUSR2)) || order != PROCESS_SIGUSR1)
        return 3; /* two pending signals of a kind count as one */
    (void)mask_to(0, NULL);
    return order == PROCESS_SIGUSR1 * 100 + PROCESS_SIGUSR2 ? 0 : 4;
}

static void nest(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    if (signal == PROCESS_SIGUSR1) {
        if (seen[signal] == 1)
            (void)signal_self(PROCESS_SIGUSR1); /* masked while it runs */
        (void)signal_self(PROCESS_SIGUSR2);     /* not masked: at once */
        order = order * 100 + 77;
    }
}

static int handlers_nest(void) {
    if (!handle(PROCESS_SIGUSR2) || signal_handle(PROCESS_SIGUSR1, nest, 0) != OK || signal_self(PROCESS_SIGUSR1) != OK)
        return 1;
    uint64_t once = PROCESS_SIGUSR1 * 10000 + PROCESS_SIGUSR2 * 100 + 77;
    return order == once * 1000000 + once ? 0 : 2; /* the masked one came after the first handler */
}

static void jump_over(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    ((struct process_signal_frame *)(uintptr_t)frame)->registers[16] += 2; /* rip, over ud2 */
}

static int a_fault_is_handled(void) {
    if (signal_handle(PROCESS_SIGILL, jump_over, 0) != OK)
        return 1;
    __asm__ volatile("ud2");
    return seen[PROCESS_SIGILL] == 1 && last_fault == FAULT_INSTRUCTION ? 0 : 2;
}

static void map_there(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    struct process_map_request request = {.at = frame->address & ~0xfffULL,
                                          .length_bytes = PAGE_BYTES,
                                          .rights = MEMORY_READ | MEMORY_WRITE,
                                          .flags = PROCESS_MAP_AT};
    struct process_map_reply reply;
    if (process_map(process, &request, &reply, NULL) != OK)
        program_exit(97);
}

static int a_page_fault_is_handled(void) {
    if (signal_handle(PROCESS_SIGSEGV, map_there, 0) != OK)
        return 1;
    volatile uint64_t *nowhere = (volatile uint64_t *)0x6000001238;
    *nowhere = 5;
    return *nowhere == 5 && seen[PROCESS_SIGSEGV] == 1 && last_address == 0x6000001238 ? 0 : 2;
}

static int a_fault_that_is_masked_ends(void) {
    if (!handle(PROCESS_SIGSEGV))
        return 1;
    (void)mask_to(BIT(PROCESS_SIGSEGV), NULL);
    return (int)*(volatile uint64_t *)8;
}

static uint8_t other_stack[16384];
static volatile uintptr_t handler_stack;
static void note_stack(uint64_t signal, const struct process_signal_frame *frame) {
    handler_stack = (uintptr_t)&frame;
    note(signal, frame);
}

__attribute__((noinline)) static uint64_t recurse(uint64_t left) {
    volatile uint64_t page[512];
    page[0] = left;
    return left == 0 ? 0 : recurse(left - 1) + page[0];
}
static void leave_from_overflow(uint64_t signal, const struct process_signal_frame *frame) {
    note_stack(signal, frame);
    uintptr_t low = (uintptr_t)other_stack;
    program_exit(handler_stack >= low && handler_stack < low + sizeof other_stack ? 0 : 5);
}

static int a_stack_overflow_is_handled_elsewhere(void) {
    struct process_signal_stack_request request = {(uaddr_t)other_stack, sizeof other_stack};
    struct process_signal_stack_reply reply;
    if (process_signal_stack(process, &request, &reply, NULL) != OK ||
        signal_handle(PROCESS_SIGSEGV, leave_from_overflow, 0) != OK)
        return 1;
    return (int)recurse(1U << 20);
}

static int a_stack_overflow_without_another_stack_ends(void) {
    return handle(PROCESS_SIGSEGV) ? (int)recurse(1U << 20) : 1;
}

static int signal_wait_lets_it_in(void) {
    if (!handle(PROCESS_SIGUSR1))
        return 1;
    (void)mask_to(BIT(PROCESS_SIGUSR1), NULL);
    uint64_t parent_child = fork_here();
    if (parent_child == 0) {
        struct process_signal_wait_request request = {0};
        struct process_signal_wait_reply reply;
        if (process_signal_wait(process, &request, &reply, NULL) != OK || seen[PROCESS_SIGUSR1] != 1)
            return 1;
        return mask_to(0, NULL) == BIT(PROCESS_SIGUSR1) ? 0 : 2; /* the old mask is back */
    }
    (void)sleep_ns(SHORT_NS);
    struct process_wait_reply end = {0};
    return kill(parent_child, PROCESS_SIGUSR1) == OK && wait_with(parent_child, 0, &end) == OK ? (int)end.value : 2;
}

static int an_alarm_comes(void) {
    struct process_alarm_request request = {SHORT_NS};
    struct process_alarm_reply reply;
    if (!handle(PROCESS_SIGALRM) || process_alarm(process, &request, &reply, NULL) != OK || reply.left_ns != 0)
        return 1;
    if (sleep_ns(LONG_NS) != P_INTERRUPTED || seen[PROCESS_SIGALRM] != 1)
        return 2;
    request.duration_ns = LONG_NS;
    if (process_alarm(process, &request, &reply, NULL) != OK)
        return 3;
    request.duration_ns = 0;
    return process_alarm(process, &request, &reply, NULL) == OK && reply.left_ns > LONG_NS / 2 ? 0 : 4;
}

static int an_alarm_ends_by_default(void) {
    struct process_alarm_request request = {SHORT_NS};
    struct process_alarm_reply reply;
    if (process_alarm(process, &request, &reply, NULL) != OK)
        return 1;
    for (;;)
        continue;
}

static int stop_and_continue(void) {
    struct process_wait_reply end = {0};
    uint64_t child = fork_here();
    if (child == 0) {
        for (uint32_t i = 0; i < 3; i++)
            (void)sleep_ns(SHORT_NS / 4);
        return 9;
    }
    if (kill(child, PROCESS_SIGSTOP) != OK || wait_with(child, PROCESS_WAIT_STOPPED, &end) != OK ||
        end.end != PROCESS_STOPPED || end.value != PROCESS_SIGSTOP)
        return 1;
    (void)sleep_ns(SHORT_NS * 2);
    if (wait_with(child, PROCESS_WAIT_NO_HANG, &end) != E_TIMEOUT)
        return 2;
    if (kill(child, PROCESS_SIGCONT) != OK || wait_with(child, PROCESS_WAIT_CONTINUED, &end) != OK ||
        end.end != PROCESS_CONTINUED)
        return 3;
    return wait_with(child, 0, &end) == OK && end.end == PROCESS_EXITED && end.value == 9 ? 0 : 4;
}

static int a_stopped_process_can_be_killed(void) {
    struct process_wait_reply end = {0};
    uint64_t child = fork_here();
    if (child == 0)
        for (;;)
            continue;
    if (kill(child, PROCESS_SIGSTOP) != OK || wait_with(child, PROCESS_WAIT_STOPPED, &end) != OK)
        return 1;
    if (kill(child, PROCESS_SIGTERM) != OK || wait_with(child, PROCESS_WAIT_NO_HANG, &end) != E_TIMEOUT)
        return 2; /* it stays pending while the process is stopped */
    if (kill(child, PROCESS_SIGKILL) != OK)
        return 3;
    return wait_with(child, 0, &end) == OK && end.value == PROCESS_SIGKILL ? 0 : 4;
}

static int a_child_s_end_is_signalled(void) {
    if (!handle(PROCESS_SIGCHLD))
        return 1;
    uint64_t child = fork_here();
    if (child == 0)
        return 3;
    while (seen[PROCESS_SIGCHLD] == 0)
        (void)sleep_ns(SHORT_NS);
    struct process_wait_reply end = {0};
    return last_sender == child && wait_with(child, PROCESS_WAIT_NO_HANG, &end) == OK && end.value == 3 ? 0 : 2;
}

static int groups(void) {
    struct process_get_group_request ask = {0};
    struct process_get_group_reply own = {0}, other = {0};
    if (process_get_group(process, &ask, &own, NULL) != OK)
        return 1;
    uint64_t children[3];
    for (uint32_t i = 0; i < 3; i++) {
        children[i] = fork_here();
        if (children[i] == 0)
            for (;;)
                (void)sleep_ns(LONG_NS);
        struct process_set_group_request move = {children[i], i == 0 ? 0 : children[0]};
        struct process_set_group_reply moved;
        if (process_set_group(process, &move, &moved, NULL) != OK)
            return 2;
    }
    ask.pid = children[2];
    if (process_get_group(process, &ask, &other, NULL) != OK || other.group != children[0] ||
        other.session != own.session)
        return 3;
    if (kill(PROCESS_GROUP | children[0], PROCESS_SIGTERM) != OK)
        return 4;
    for (uint32_t i = 0; i < 3; i++) {
        struct process_wait_reply end = {0};
        if (wait_with(children[i], 0, &end) != OK || end.value != PROCESS_SIGTERM)
            return 5;
    }
    return kill(PROCESS_GROUP | children[0], PROCESS_SIGTERM) == P_NO_PROCESS ? 0 : 6;
}

static int sessions(void) {
    struct process_set_session_request request = {0};
    struct process_set_session_reply reply = {0};
    struct process_set_group_request move = {0, 0};
    struct process_set_group_reply moved;
    if (process_set_session(process, &request, &reply, NULL) != OK || reply.session == 0)
        return 1;
    if (process_set_session(process, &request, &reply, NULL) != P_PERMISSION)
        return 2;
    return process_set_group(process, &move, &moved, NULL) == P_PERMISSION ? 0 : 3;
}

static const struct forked_check checks[] = {
    {"a handler runs and returns, 100 times", a_handler_runs_and_returns, 0},
    {"a busy process is interrupted", a_busy_process_is_interrupted, 0},
    {"a sleep is interrupted", a_sleep_is_interrupted, 0},
    {"the default ends", the_default_ends, PROCESS_SIGTERM},
    {"KILL can't be handled", kill_can_not_be_handled, PROCESS_SIGKILL},
    {"ignored signals do nothing", ignored_signals_do_nothing, 0},
    {"masked signals wait", masked_signals_wait, 0},
    {"handlers nest", handlers_nest, 0},
    {"a fault is handled", a_fault_is_handled, 0},
    {"a page fault is handled", a_page_fault_is_handled, 0},
    {"a fault that is masked ends", a_fault_that_is_masked_ends, PROCESS_SIGSEGV},
    {"a stack overflow is handled on another stack", a_stack_overflow_is_handled_elsewhere, 0},
    {"a stack overflow without one ends", a_stack_overflow_without_another_stack_ends, PROCESS_SIGSEGV},
    {"signal_wait lets a signal in", signal_wait_lets_it_in, 0},
    {"an alarm comes", an_alarm_comes, 0},
    {"an alarm ends by default", an_alarm_ends_by_default, PROCESS_SIGALRM},
    {"stop and continue", stop_and_continue, 0},
    {"a stopped process can be killed", a_stopped_process_can_be_killed, 0},
    {"a child's end is signalled", a_child_s_end_is_signalled, 0},
    {"groups", groups, 0},
    {"sessions", sessions, 0},
};
int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    process = program_process();
    return forked_run("signaltest", checks, sizeof checks / sizeof checks[0]);
}
