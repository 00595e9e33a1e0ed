/*
 * Do processes with threads end, fork and exec as they should, and does the server survive very many threads?
 */
#include "test/process/threads.h"

#define CODE_OVER 97
#define GENERATIONS 20U

static volatile uint64_t released;
static uint32_t word;
static struct mutex held;

/* ---- ends ---- */

static uint64_t outlive_the_first(void *argument) {
    uint64_t value = 0;
    (void)argument;
    if (!CHECK_STATUS(threads_join(0, &value), OK) || !CHECK_EQUAL(value, 77))
        program_exit(ROLE_FAILED);
    CHECK_EQUAL(threads_self() % PROCESS_THREADS_MAX, 1);
    uint64_t thread = begin(sleep_on_and_on, 0); /* takes its number, page and capability over */
    CHECK_EQUAL(thread, PROCESS_THREADS_MAX);
    program_exit(CODE_OVER);
}

static int role_first_ends(int argc, char **argv) {
    (void)argc, (void)argv;
    (void)begin(outlive_the_first, 0);
    threads_exit(77);
}

static void first_thread_may_end_before_the_others(void) { CHECK_ROLE(CODE_OVER, "first_ends"); }

static uint64_t end_later(void *argument) {
    (void)doze((uint64_t)argument * 1000000);
    return 3;
}

static int role_all_end(int argc, char **argv) {
    (void)argc, (void)argv;
    for (uint64_t i = 0; i < 5; i++)
        (void)begin(end_later, i);
    threads_exit(9);
}

static void last_threads_end_is_the_processs(void) {
    CHECK_ROLE(0, "all_end");
    CHECK_ROLE(0, "only_ends");
}

static int role_only_ends(int argc, char **argv) {
    (void)argc, (void)argv;
    threads_exit(9);
}

static uint64_t exit_with(void *argument) { program_exit((int)(uint64_t)argument); }

static uint64_t wait_for_word(void *argument) {
    uint64_t changed;
    (void)argument;
    while (word_wait(&word, 0, UINT64_MAX, &changed) != P_NO_CAPABILITY)
        continue;
    return 0;
}

static uint64_t wait_for_lock(void *argument) {
    mutex_lock(&held);
    return (uint64_t)argument;
}

static uint64_t wait_for_thread(void *argument) { return join((uint64_t)argument); }

static uint64_t wait_for_signal(void *argument) {
    (void)argument;
    for (;;)
        (void)wait_masking(program_process(), 0);
}

static uint64_t fault_on_and_on(void *argument) {
    struct process_map_request request = {0, 64 * PAGE_BYTES, MEMORY_READ | MEMORY_WRITE, 0};
    struct process_map_reply at;
    (void)argument;
    while (process_map(program_process(), &request, &at, NULL) == OK) {
        for (uint64_t i = 0; i < 64; i++)
            *(volatile uint8_t *)(at.at + i * PAGE_BYTES) = 1;
        struct process_unmap_request unmap = {at.at, 64 * PAGE_BYTES};
        struct process_unmap_reply reply;
        (void)process_unmap(program_process(), &unmap, &reply, NULL);
    }
    return 0;
}

static uint64_t call_on_and_on(void *argument) {
    struct process_list_request request = {.pid = 1};
    struct process_list_reply reply;
    (void)argument;
    while (process_list(program_process(), &request, &reply, NULL) == OK)
        continue;
    return 0;
}

static uint64_t wait_in_vain(void *argument) {
    struct process_wait_request request = {.pid = (uint64_t)argument};
    struct process_wait_reply reply;
    for (;;)
        (void)process_wait(program_process(), &request, &reply, NULL);
}

static uint64_t end_now(void *argument) {
    (void)argument;
    return 1;
}

/* Threads in every state there is, ended and detached ones too. */
static void start_all_kinds(void) {
    mutex_lock(&held);
    uint64_t sleeper = begin(sleep_on_and_on, 0);
    (void)begin(spin_on_and_on, 0);
    (void)begin(wait_for_word, 0);
    (void)begin(wait_for_lock, 0);
    (void)begin(wait_for_thread, sleeper);
    (void)begin(wait_for_signal, 0);
    (void)begin(fault_on_and_on, 0);
    (void)begin(call_on_and_on, 0);
    (void)begin(end_now, 0);
    CHECK_STATUS(threads_detach(begin(sleep_on_and_on, 0)), OK);
    (void)doze(SHORT_NS / 4);
}

static int role_exits_from_a_thread(int argc, char **argv) {
    (void)argc, (void)argv;
    start_all_kinds();
    (void)begin(exit_with, CODE_OVER);
    for (;;)
        (void)doze(LONG_NS);
}

static void exit_of_any_thread_ends_all(void) {
    for (uint32_t i = 0; i < 5; i++)
        CHECK_ROLE(CODE_OVER, "exits_from_a_thread");
}

static int role_all_kinds(int argc, char **argv) {
    (void)argc, (void)argv;
    uint64_t self = own_pid(), child = fork_here();
    while (child == 0 && parent_pid() == self)
        (void)doze(1000000);
    if (child == 0)
        return 0;
    start_all_kinds();
    (void)begin(wait_in_vain, child);
    for (;;)
        (void)doze(LONG_NS);
}

static void kill_ends_threads_in_every_state(void) {
    for (uint64_t i = 0; i < 10; i++) {
        uint64_t pid = START_ROLE("all_kinds");
        spin_ns(SHORT_NS / 4 + i * 2000000);
        CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
        CHECK_KILLED(pid, PROCESS_SIGKILL);
    }
    (void)doze(2 * SHORT_NS); /* orphans end */
}

/* ---- fork ---- */

static uint64_t say_id(void *argument) {
    (void)argument;
    return threads_self();
}

static uint64_t fork_in_a_thread(void *argument) {
    (void)argument;
    struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    uint64_t id = threads_self();
    if (!CHECK_STATUS(process_fork(program_process(), &request, &reply, NULL), OK))
        return 0;
    if (reply.pid != 0)
        return reply.pid;
    CHECK_EQUAL(threads_self(), id);
    CHECK_STATUS(join_once(0), P_NO_THREAD); /* it is the only one */
    CHECK_STATUS(join_once(id), P_ARGUMENT);
    struct process_list_request list = {.pid = 1}; /* a long answer: the message page is there */
    struct process_list_reply first;
    CHECK_STATUS(process_list(program_process(), &list, &first, NULL), OK);
    CHECK_TEXT(first.name, "process_conformance");
    uint64_t threads[PROCESS_THREADS_MAX];
    for (uint32_t i = 1; i < PROCESS_THREADS_MAX; i++) {
        threads[i] = begin(say_id, 0);
        CHECK(threads[i] != id);
    }
    for (uint32_t i = 1; i < PROCESS_THREADS_MAX; i++)
        CHECK_EQUAL(join(threads[i]), threads[i]);
    program_exit(test_has_failed() ? ROLE_FAILED : CODE_OVER);
}

static volatile bool library_is_left;

static uint64_t take_slots(void *argument) {
    for (; !library_is_left; slot_free(slot_take()))
        continue;
    return (uint64_t)argument;
}

static uint64_t start_threads(void *argument) {
    while (!library_is_left && !test_has_failed())
        (void)join(begin(say_id, 0));
    return (uint64_t)argument;
}

/* In the child of a fork: slots and threads can be had, whatever the parent's other threads were doing. */
static int use_library(void) {
    (void)alarm_after(100 * SHORT_NS); /* one that hangs is ended */
    cap_t slot = slot_take();
    CHECK(slot != 0);
    slot_free(slot);
    uint64_t thread = begin(say_id, 0);
    CHECK_EQUAL(join(thread), thread);
    return test_has_failed() ? ROLE_FAILED : CODE_OVER;
}

IN_CHILD(fork_lets_the_library_s_locks_go) {
    uint64_t takers[] = {begin(take_slots, 0), begin(take_slots, 0), begin(start_threads, 0)};
    for (uint32_t i = 0; i < 100 && !test_has_failed(); i++) {
        uint64_t child = fork_here();
        if (child == 0)
            program_exit(use_library());
        CHECK_EXIT(child, CODE_OVER);
        spin_ns(i % 7 * 30000); /* not always at the same point of the others */
    }
    library_is_left = true;
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQUAL(join(takers[i]), 0);
    return CODE_SIGNALLED;
}

IN_CHILD(fork_in_a_thread_copies_that_one) {
    for (uint32_t i = 0; i < 40; i++) /* so that numbers come again, and ids differ from them */
        CHECK_EQUAL(join(begin(say_id, 0)), i + 1 + i * (PROCESS_THREADS_MAX - 1));
    (void)begin(sleep_on_and_on, 0);
    for (uint32_t i = 0; i < 5; i++) {
        struct process_wait_request request = {.pid = join(begin(fork_in_a_thread, 0))};
        struct process_wait_reply end;
        CHECK_STATUS(process_wait(program_process(), &request, &end, NULL), OK);
        CHECK(end.end == PROCESS_EXITED && end.value == CODE_OVER);
    }
    return CODE_SIGNALLED;
}

/* ---- exec ---- */

/* A program started by exec can do all that a fresh one can. */
static void check_fresh_program(void) {
    uint64_t threads[PROCESS_THREADS_MAX], self = threads_self(), one_more;
    CHECK_STATUS(join_once(self), P_ARGUMENT);
    for (uint64_t id = 0; id < 2 * PROCESS_THREADS_MAX; id++)
        if (id != self)
            CHECK_STATUS(join_once(id), P_NO_THREAD);
    for (uint32_t i = 1; i < PROCESS_THREADS_MAX; i++)
        threads[i] = begin(say_id, 0);
    CHECK_STATUS(threads_start(say_id, NULL, &one_more), P_LIMIT);
    for (uint32_t i = 1; i < PROCESS_THREADS_MAX; i++)
        CHECK_EQUAL(join(threads[i]), threads[i]);
    CHECK_STATUS(signal_thread(self, 0), OK);
}

static uint64_t join_it(void *argument) { return join_once((uint64_t)argument); }

static int role_after_exec(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    CHECK_EQUAL(own_pid(), number_of(argv[1]));
    check_fresh_program();
    uint64_t joiner = begin(join_it, threads_self()); /* it can be joined, whatever it was in the program before */
    (void)doze(SHORT_NS / 4);
    CHECK_STATUS(signal_thread(joiner, 0), OK);
    return CODE_OVER;
}

static uint64_t exec_here(void *argument) {
    (void)argument;
    process = program_process();
    (void)EXEC_ROLE("after_exec", text_of(own_pid()));
    return 1;
}

static int role_exec_with_siblings(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    start_all_kinds();
    if (argv[1][0] == 'f')
        return (int)exec_here(NULL);
    uint64_t thread = begin(exec_here, 0);
    if (argv[1][0] == 'd')
        (void)threads_detach(thread);
    for (;;)
        (void)doze(LONG_NS);
}

static void exec_of_the_first_thread_ends_the_others(void) {
    for (uint32_t i = 0; i < 3; i++)
        CHECK_ROLE(CODE_OVER, "exec_with_siblings", "first");
}

static void exec_of_another_thread_ends_the_others(void) {
    for (uint32_t i = 0; i < 3; i++)
        CHECK_ROLE(CODE_OVER, "exec_with_siblings", "second");
}

static void exec_of_a_detached_thread_makes_a_plain_one(void) {
    CHECK_ROLE(CODE_OVER, "exec_with_siblings", "detached");
}

#define SPREAD 8U             /* frames: places are random, and so is how many tables they take */
static uint64_t frames_first; /* what was free when the first few generations had passed */

static uint64_t exec_next_generation(void *argument) {
    process = program_process();
    (void)EXEC_ROLE("generation", text_of((uint64_t)argument - 1), text_of(frames_first));
    return 1;
}

/* generation LEFT FREE: with threads of all kinds, again and again; it never takes more. */
static int role_generation(int argc, char **argv) {
    CHECK_EQUAL(argc, 3);
    uint64_t left = number_of(argv[1]), frames = memory_now().frames_free;
    frames_first = left + 4 > GENERATIONS ? frames : number_of(argv[2]);
    if (left == 0 || !CHECK(frames + SPREAD >= frames_first))
        return CODE_OVER;
    start_all_kinds();
    (void)begin(exec_next_generation, left);
    for (;;)
        (void)doze(LONG_NS);
}

static void exec_of_generations_with_threads(void) { CHECK_ROLE(CODE_OVER, "generation", text_of(GENERATIONS), "0"); }

static volatile uint64_t ticks[2];

static uint64_t tick_dozing(void *argument) {
    while (released == 0) {
        ticks[(uint64_t)argument]++;
        (void)doze(1000000);
    }
    return 5;
}

static uint64_t tick(void *argument) {
    while (released == 0)
        ticks[(uint64_t)argument]++;
    return 6;
}

static int role_exec_in_vain(int argc, char **argv) {
    static const char *const paths[] = {"bin/nosuch", IMAGES "NOT_ELF", IMAGES "TRUNCATED_HEADERS", IMAGES "too_large",
                                        IMAGES "ENTRY_OUTSIDE"};
    (void)argc, (void)argv;
    uint64_t threads[] = {begin(tick_dozing, 0), begin(tick, 1), begin(wait_for_word, 0)};
    for (uint32_t i = 0; i < 25; i++) {
        const struct child_start start = {paths[i % 5], NULL, NULL, NULL};
        uint64_t then[2] = {ticks[0], ticks[1]};
        CHECK(start_exec(&start) != OK);
        (void)doze(SHORT_NS);
        CHECK(ticks[0] > then[0] && ticks[1] > then[1]);
    }
    released = 1;
    CHECK_EQUAL(join(threads[0]), 5);
    CHECK_EQUAL(join(threads[1]), 6);
    CHECK_EQUAL(word_wake(&word, 9), 1);
    return CODE_OVER;
}

static void exec_that_fails_leaves_the_threads(void) { CHECK_ROLE(CODE_OVER, "exec_in_vain"); }

/* ---- very many ---- */

/* thread_bomb DEPTH: as many threads as there can be; two of the same, one level lower. */
static int role_thread_bomb(int argc, char **argv) {
    CHECK_EQUAL(argc, 2);
    uint64_t depth = number_of(argv[1]), started = 0, thread;
    const char *const arguments[] = {SELF, "thread_bomb", text_of(depth - 1), NULL};
    const struct child_start start = {SELF, arguments, NULL, capabilities_of_a_role};
    for (uint32_t i = 0; depth > 0 && i < 2; i++) {
        uint64_t pid;
        uint32_t status = start_spawn(&start, &pid);
        started += status == OK;
        CHECK(status == OK || status == P_LIMIT || status == P_NO_MEMORY);
    }
    uint32_t status = OK;
    for (uint32_t i = 0; status == OK; i++)
        status = threads_start(sleep_on_and_on, NULL, &thread);
    CHECK(status == P_LIMIT || status == P_NO_MEMORY);
    (void)doze(SHORT_NS);
    for (; started > 0; started--) {
        struct process_wait_reply end;
        CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
        CHECK(end.value == CODE_OVER || end.value == PROCESS_SIGKILL); /* no page was left for it */
    }
    return CODE_OVER;
}

static void threads_of_a_bomb_all_return(void) { CHECK_ROLE(CODE_OVER, "thread_bomb", "6"); }

#define KILLED (OPERATION(kill) | OPERATION(memory) | OPERATION(fork))
#define HERE (THREADS | WORDS | OPERATION(signal_wait) | OPERATION(list))
static const struct test_case cases[] = {
    CASE_NEEDS(first_thread_may_end_before_the_others, THREADS),
    CASE_NEEDS(last_threads_end_is_the_processs, THREADS),
    CASE_NEEDS(exit_of_any_thread_ends_all, HERE),
    CASE_NEEDS(kill_ends_threads_in_every_state, HERE | KILLED),
    CASE_NEEDS(fork_in_a_thread_copies_that_one, THREADS | OPERATION(fork) | OPERATION(list)),
    CASE_NEEDS(fork_lets_the_library_s_locks_go, THREADS | WORDS | OPERATION(fork) | OPERATION(alarm)),
    CASE_NEEDS(exec_of_the_first_thread_ends_the_others, HERE | OPERATION(thread_signal)),
    CASE_NEEDS(exec_of_another_thread_ends_the_others, HERE | OPERATION(thread_signal)),
    CASE_NEEDS(exec_of_a_detached_thread_makes_a_plain_one, HERE | OPERATION(thread_signal)),
    CASE_NEEDS(exec_of_generations_with_threads, HERE | OPERATION(memory)),
    CASE_NEEDS(exec_that_fails_leaves_the_threads, THREADS | WORDS),
    CASE_NEEDS(threads_of_a_bomb_all_return, THREADS),
};
static const struct role roles[] = {
    ROLE(first_ends),
    ROLE(all_end),
    ROLE(only_ends),
    ROLE(exits_from_a_thread),
    ROLE(all_kinds),
    ROLE(fork_in_a_thread_copies_that_one),
    ROLE(fork_lets_the_library_s_locks_go),
    ROLE(after_exec),
    ROLE(exec_with_siblings),
    ROLE(generation),
    ROLE(exec_in_vain),
    ROLE(thread_bomb),
};
GROUP(threads_end);
