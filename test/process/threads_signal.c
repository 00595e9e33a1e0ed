/*
 * Signals of processes with threads: which thread's handler runs, which signals wait, which threads stop?
 */
#include "test/process/threads.h"

#define ROUNDS 200U

static volatile uint64_t ready, released;
static volatile uint64_t handled_by[PROCESS_THREADS_MAX]; /* by number: how often a handler ran there */

static void note_thread(uint64_t signal, const struct process_signal_frame *frame) {
    note(signal, frame);
    handled_by[threads_self() % PROCESS_THREADS_MAX]++;
}

static bool handle_here(uint64_t signal) { return CHECK_STATUS(signal_handle(signal, note_thread, 0), OK); }

/* Runs with this mask until it is released. */
static uint64_t spin_with_mask(void *argument) {
    (void)mask_own((uint64_t)argument, PROCESS_MASK_SET);
    ready++;
    while (released == 0)
        __asm__ volatile("pause");
    return threads_self();
}

IN_CHILD(thread_signal_runs_its_handler_there) {
    uint64_t threads[3];
    handle_here(PROCESS_SIGUSR1);
    for (uint32_t i = 0; i < 3; i++)
        threads[i] = begin(spin_with_mask, 0);
    CHECK(becomes(&ready, 3));
    for (uint64_t i = 1; i <= 5; i++) {
        CHECK_STATUS(signal_thread(threads[1], PROCESS_SIGUSR1), OK);
        CHECK(becomes(&handled_by[2], i));
    }
    CHECK_EQUAL(seen[PROCESS_SIGUSR1], 5);
    CHECK_STATUS(signal_thread(0, PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(handled_by[0], 1);
    released = 1;
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQUAL(join(threads[i]), threads[i]);
    return CODE_SIGNALLED;
}

IN_CHILD(thread_signal_waits_for_the_mask) {
    handle_here(PROCESS_SIGUSR1);
    (void)mask_own(BIT(PROCESS_SIGUSR1), PROCESS_MASK_SET);
    uint64_t thread = begin(spin_with_mask, 0);
    CHECK(becomes(&ready, 1));
    CHECK_STATUS(signal_thread(0, PROCESS_SIGUSR1), OK);
    CHECK_STATUS(doze(SHORT_NS), OK); /* the other does not mask it, but it is not for it */
    CHECK_EQUAL(seen[PROCESS_SIGUSR1], 0);
    CHECK_EQUAL(pending_now(), BIT(PROCESS_SIGUSR1));
    (void)mask_own(0, PROCESS_MASK_SET);
    CHECK(handled_by[0] == 1 && handled_by[1] == 0);
    released = 1;
    CHECK_EQUAL(join(thread), thread);
    return CODE_SIGNALLED;
}

IN_CHILD(process_signal_goes_to_who_does_not_mask_it) {
    handle_here(PROCESS_SIGUSR1);
    (void)mask_own(BIT(PROCESS_SIGUSR1), PROCESS_MASK_SET);
    uint64_t first = begin(spin_with_mask, BIT(PROCESS_SIGUSR1)), second = begin(spin_with_mask, 0);
    CHECK(becomes(&ready, 2));
    for (uint64_t i = 1; i <= 5; i++) {
        CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK);
        CHECK(becomes(&handled_by[2], i));
    }
    released = 1;
    CHECK_EQUAL(join(second), second);
    CHECK_STATUS(signal_self(PROCESS_SIGUSR1), OK); /* all mask it: it waits */
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK(seen[PROCESS_SIGUSR1] == 5 && pending_now() == BIT(PROCESS_SIGUSR1));
    (void)mask_own(0, PROCESS_MASK_SET);
    CHECK_EQUAL(handled_by[0], 1);
    CHECK_EQUAL(join(first), first);
    return CODE_SIGNALLED;
}

IN_CHILD(thread_signal_refuses) {
    CHECK_STATUS(signal_thread(0, PROCESS_SIGNAL_MAX + 1), P_ARGUMENT);
    CHECK_STATUS(signal_thread(0, UINT64_MAX), P_ARGUMENT);
    CHECK_STATUS(signal_thread(1, PROCESS_SIGUSR1), P_NO_THREAD);
    CHECK_STATUS(signal_thread(0, 0), OK);
    uint64_t thread = begin(spin_with_mask, 0);
    released = 1;
    CHECK(becomes(&ready, 1));
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK_STATUS(signal_thread(thread, 0), P_NO_THREAD); /* it has ended, and can be joined */
    CHECK_EQUAL(join(thread), thread);
    return CODE_SIGNALLED;
}

static uint64_t count_calls(void *argument) {
    (void)argument;
    return seen[PROCESS_SIGUSR1];
}

/* The handler may come before a thread's first instruction. */
IN_CHILD(thread_signal_to_one_that_has_not_begun) {
    handle_here(PROCESS_SIGUSR1);
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        uint64_t thread = begin(count_calls, 0);
        uint32_t status = signal_thread(thread, PROCESS_SIGUSR1);
        uint64_t value = join(thread);
        if (!CHECK(status == OK ? value == seen[PROCESS_SIGUSR1] : status == P_NO_THREAD))
            break;
    }
    CHECK(seen[PROCESS_SIGUSR1] > 0);
    CHECK_EQUAL(handled_by[0], 0);
    return CODE_SIGNALLED;
}

static uint64_t join_another(void *argument) {
    ready++;
    return join_once((uint64_t)argument);
}

static uint64_t wait_at_a_word(void *argument) {
    static uint32_t word;
    uint64_t changed;
    (void)argument;
    ready++;
    return word_wait(&word, 0, LONG_NS, &changed);
}

static uint64_t wait_for_a_signal(void *argument) {
    (void)argument;
    ready++;
    return wait_masking(program_process(), 0);
}

IN_CHILD(signal_interrupts_what_a_thread_waits_in) {
    static const threads_function waits[] = {wait_at_a_word, wait_for_a_signal, sleep_on_and_on};
    handle_here(PROCESS_SIGUSR1);
    uint64_t idle = begin(sleep_on_and_on, 0), joiner = begin(join_another, idle);
    CHECK(becomes(&ready, 1));
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK_STATUS(signal_thread(joiner, PROCESS_SIGUSR1), OK);
    CHECK_EQUAL(join(joiner), P_INTERRUPTED);
    CHECK_EQUAL(seen[PROCESS_SIGUSR1], 1);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t thread = begin(waits[i], 0);
        CHECK_STATUS(doze(SHORT_NS), OK);
        CHECK_STATUS(signal_thread(thread, PROCESS_SIGUSR1), OK);
        CHECK_EQUAL(join(thread), i == 0 ? P_INTERRUPTED : 0);
        CHECK_EQUAL(seen[PROCESS_SIGUSR1], i + 2);
    }
    CHECK_EQUAL(handled_by[0], 0);
    CHECK_STATUS(signal_thread(idle, PROCESS_SIGUSR1), OK); /* nobody is taken for a joiner any more */
    CHECK_EQUAL(join(idle), 0);
    return CODE_SIGNALLED;
}

/* Signals rain on threads that lock, wake, start and join: no call of libsys may be lost. */
static struct mutex lock;
static uint64_t counted;

static uint64_t count_in_the_rain(void *argument) {
    for (uint32_t i = 0; i < ROUNDS; i++) {
        mutex_lock(&lock);
        counted++;
        if (i % 8 == (uint64_t)argument)
            (void)doze(0);
        mutex_unlock(&lock);
        if (i % 50 == 0)
            CHECK_EQUAL(join(begin(count_calls, 0)) & 0, 0);
    }
    ready++;
    return 0;
}

IN_CHILD(signals_lose_no_call_of_the_library) {
    uint64_t threads[4], rained = 0;
    handle_here(PROCESS_SIGUSR1);
    for (uint64_t i = 0; i < 4; i++)
        threads[i] = begin(count_in_the_rain, i);
    while (ready < 4 && rained < 100 * ROUNDS)
        (void)signal_thread(threads[rained++ % 4], PROCESS_SIGUSR1);
    for (uint32_t i = 0; i < 4; i++)
        CHECK_EQUAL(join(threads[i]), 0);
    CHECK_EQUAL(counted, 4 * ROUNDS);
    CHECK(seen[PROCESS_SIGUSR1] > 10);
    return CODE_SIGNALLED;
}

/* ---- faults ---- */

static uint64_t undefined(void *argument) {
    (void)argument;
    ready++;
    __asm__ volatile("ud2");
    return 0;
}

static void step_over(uint64_t signal, const struct process_signal_frame *frame) {
    note_thread(signal, frame);
    ((struct thread_registers *)(uintptr_t)frame->registers)->rip += 2;
}

IN_CHILD(fault_is_handled_by_the_thread_that_made_it) {
    CHECK_STATUS(signal_handle(PROCESS_SIGILL, step_over, 0), OK);
    uint64_t other = begin(spin_with_mask, 0);
    uint64_t thread = begin(undefined, 0);
    CHECK_EQUAL(join(thread), 0);
    CHECK_EQUAL(handled_by[2], 1);
    CHECK_EQUAL(seen[PROCESS_SIGILL], 1);
    released = 1;
    CHECK_EQUAL(join(other), other);
    return CODE_SIGNALLED;
}

static int role_fault_in_a_thread(int argc, char **argv) {
    (void)argc, (void)argv;
    (void)begin(spin_on_and_on, 0);
    (void)begin(sleep_on_and_on, 0);
    return (int)join(begin(undefined, 0));
}

IN_CHILD(fault_in_one_thread_ends_the_process) {
    struct process_wait_reply end;
    uint64_t pid = START_ROLE("fault_in_a_thread");
    CHECK_STATUS(wait_for(pid, &end), OK);
    CHECK(end.end == PROCESS_KILLED && end.value == PROCESS_SIGILL && end.fault == FAULT_INSTRUCTION);
    return CODE_SIGNALLED;
}

static int role_fault_masked_in_a_thread(int argc, char **argv) {
    handle_here(PROCESS_SIGILL);
    (void)mask_own(BIT(PROCESS_SIGILL), PROCESS_MASK_SET);
    return role_fault_in_a_thread(argc, argv);
}

IN_CHILD(fault_that_its_thread_masks_ends_the_process) {
    CHECK_KILLED(START_ROLE("fault_masked_in_a_thread"), PROCESS_SIGILL);
    return CODE_SIGNALLED;
}

/* ---- stop and continue ---- */

static volatile uint64_t *counts; /* shared with the child */

static uint64_t count_for_ever(void *argument) {
    for (;;)
        counts[(uint64_t)argument]++;
}

static uint64_t count_and_doze(void *argument) {
    for (;;) {
        counts[(uint64_t)argument]++;
        (void)doze(1000000);
    }
}

static uint64_t sum_of_counts(void) { return counts[0] + counts[1] + counts[2] + counts[3]; }

IN_CHILD(stop_holds_all_threads_and_continue_lets_them_go) {
    struct process_map_request request = {
        .length_bytes = PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .flags = PROCESS_MAP_TOGETHER};
    struct process_map_reply reply = {0};
    CHECK_STATUS(process_map(program_process(), &request, &reply, NULL), OK);
    counts = (volatile uint64_t *)reply.at;
    uint64_t child = fork_here();
    if (child == 0) {
        (void)begin(count_for_ever, 1);
        (void)begin(count_and_doze, 2);
        (void)begin(count_and_doze, 3);
        (void)count_for_ever(NULL);
    }
    CHECK(becomes(&counts[3], 2) || counts[3] > 2);
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
        CHECK_NEWS(child, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGSTOP);
        uint64_t then = sum_of_counts();
        CHECK_STATUS(doze(SHORT_NS), OK);
        CHECK_EQUAL(sum_of_counts(), then);
        uint64_t each[4] = {counts[0], counts[1], counts[2], counts[3]};
        CHECK_STATUS(kill_process(child, PROCESS_SIGCONT), OK);
        CHECK_NEWS(child, PROCESS_WAIT_CONTINUED, PROCESS_CONTINUED, 0);
        CHECK_STATUS(doze(5 * SHORT_NS), OK);
        for (uint32_t j = 0; j < 4; j++)
            if (!CHECK(counts[j] > each[j]))
                test_note("thread %u", j);
    }
    end_child(child);
    return CODE_SIGNALLED;
}

IN_CHILD(stop_sent_to_one_thread_is_taken_back_by_continue) {
    (void)mask_own(BIT(PROCESS_SIGTSTP), PROCESS_MASK_SET);
    CHECK_STATUS(signal_thread(0, PROCESS_SIGTSTP), OK);
    CHECK_EQUAL(pending_now(), BIT(PROCESS_SIGTSTP));
    CHECK_STATUS(signal_self(PROCESS_SIGCONT), OK);
    CHECK_EQUAL(pending_now(), 0);
    return CODE_SIGNALLED;
}

static int role_kill_by_thread_signal(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    (void)begin(spin_on_and_on, 0);
    uint64_t thread = begin(sleep_on_and_on, 0);
    CHECK_STATUS(signal_thread(thread, number_of(argv[1])), OK);
    for (;;)
        (void)doze(LONG_NS);
}

IN_CHILD(thread_signal_that_nobody_handles_ends_the_process) {
    CHECK_KILLED(START_ROLE("kill_by_thread_signal", text_of(PROCESS_SIGUSR1)), PROCESS_SIGUSR1);
    CHECK_KILLED(START_ROLE("kill_by_thread_signal", text_of(PROCESS_SIGKILL)), PROCESS_SIGKILL);
    return CODE_SIGNALLED;
}

#define HERE (HANDLERS | OPERATION(thread_signal))
#define CASES(ROW)                                                                       \
    ROW(thread_signal_runs_its_handler_there, HERE)                                      \
    ROW(thread_signal_waits_for_the_mask, HERE)                                          \
    ROW(process_signal_goes_to_who_does_not_mask_it, HERE)                               \
    ROW(thread_signal_refuses, HERE)                                                     \
    ROW(thread_signal_to_one_that_has_not_begun, HERE)                                   \
    ROW(signal_interrupts_what_a_thread_waits_in, HERE | WORDS | OPERATION(signal_wait)) \
    ROW(signals_lose_no_call_of_the_library, HERE | WORDS)                               \
    ROW(fault_is_handled_by_the_thread_that_made_it, HERE)                               \
    ROW(fault_in_one_thread_ends_the_process, 0)                                         \
    ROW(fault_that_its_thread_masks_ends_the_process, HERE)                              \
    ROW(stop_holds_all_threads_and_continue_lets_them_go, HERE)                          \
    ROW(stop_sent_to_one_thread_is_taken_back_by_continue, HERE)                         \
    ROW(thread_signal_that_nobody_handles_ends_the_process, HERE)

static const struct test_case cases[] = {CASES(AS_CASE)};
static const struct role roles[] = {CASES(AS_ROLE) ROLE(fault_in_a_thread), ROLE(fault_masked_in_a_thread),
                                    ROLE(kill_by_thread_signal)};
GROUP(threads_signal);
