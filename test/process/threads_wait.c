/*
 * How do threads wait (for each other, words, children, time), and how do signals interrupt them?
 */
#include "test/process/threads.h"

#define WAITERS 4U
#define ROUNDS 10000U

static volatile uint64_t ready, returned;
static uint32_t word;

/* ---- words ---- */

IN_CHILD(word_wait_tells_a_changed_word) {
    uint64_t changed = 0;
    word = 5;
    CHECK_STATUS(word_wait(&word, 4, LONG_NS, &changed), OK);
    CHECK_EQUAL(changed, 1);
    CHECK_STATUS(word_wait(&word, 4, 0, &changed), OK);
    CHECK_EQUAL(changed, 1);
    return CODE_SIGNALLED;
}

IN_CHILD(word_wait_has_a_timeout) {
    uint64_t changed, start_ns = sys_clock_read().value;
    CHECK_STATUS(word_wait(&word, 0, SHORT_NS, &changed), E_TIMEOUT);
    uint64_t took_ns = sys_clock_read().value - start_ns;
    CHECK(took_ns >= SHORT_NS && took_ns < 50 * SHORT_NS);
    CHECK_STATUS(word_wait(&word, 0, 0, &changed), E_TIMEOUT);
    CHECK_EQUAL(word_wake(&word, 1), 0);
    return CODE_SIGNALLED;
}

static uint64_t wait_at_word(void *argument) {
    uint64_t changed;
    ready++;
    uint32_t status = word_wait((const uint32_t *)argument, 0, UINT64_MAX, &changed);
    returned++;
    return status == OK && changed == 0 ? 0 : 1;
}

IN_CHILD(word_wake_wakes_as_many_as_it_says) {
    static uint32_t other;
    uint64_t threads[WAITERS + 1];
    for (uint32_t i = 0; i <= WAITERS; i++)
        threads[i] = begin(wait_at_word, (uint64_t)(i < WAITERS ? &word : &other));
    CHECK(becomes(&ready, WAITERS + 1));
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK_EQUAL(word_wake(&word, 0), 0);
    CHECK_EQUAL(word_wake(&word, 1), 1);
    CHECK(becomes(&returned, 1));
    CHECK_STATUS(doze(SHORT_NS), OK);
    CHECK_EQUAL(returned, 1);
    CHECK_EQUAL(word_wake(&word, 2), 2);
    CHECK(becomes(&returned, 3));
    CHECK_EQUAL(word_wake(&word, UINT64_MAX), 1);
    CHECK_EQUAL(word_wake(&word, UINT64_MAX), 0);
    CHECK_EQUAL(word_wake(&other, UINT64_MAX), 1);
    for (uint32_t i = 0; i <= WAITERS; i++)
        CHECK_EQUAL(join(threads[i]), 0);
    return CODE_SIGNALLED;
}

IN_CHILD(word_wait_refuses_places) {
    uint64_t changed;
    for (uintptr_t off = 1; off < 4; off++)
        CHECK_STATUS(word_wait((const uint32_t *)((uintptr_t)&word + off), 0, 0, &changed), P_ARGUMENT);
    CHECK_STATUS(word_wait(NULL, 0, LONG_NS, &changed), P_ADDRESS);
    CHECK_STATUS(word_wait((const uint32_t *)(NOWHERE & ~3ULL), 0, LONG_NS, &changed), P_ADDRESS);
    CHECK_STATUS(word_wait((const uint32_t *)(1ULL << 47), 0, LONG_NS, &changed), P_ADDRESS);
    CHECK_STATUS(word_wait((const uint32_t *)(UINT64_MAX - 3), 0, LONG_NS, &changed), P_ADDRESS);
    CHECK_EQUAL(word_wake((const uint32_t *)(UINT64_MAX - 3), 1), 0);
    CHECK_EQUAL(word_wake((const uint32_t *)1, 1), 0);
    return CODE_SIGNALLED;
}

/* Two processes have words at one address: neither wakes the other's threads. */
IN_CHILD(word_wake_stays_in_its_process) {
    uint64_t changed, child = fork_here();
    if (child == 0) {
        CHECK_STATUS(word_wait(&word, 0, 10 * SHORT_NS, &changed), E_TIMEOUT);
        return CODE_SIGNALLED;
    }
    CHECK(reaches_state(child, PROCESS_SLEEPING));
    CHECK_EQUAL(word_wake(&word, 1), 0);
    CHECK_EXIT(child, CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* A page of words that fork shares. */
static uint32_t *shared_words(void) {
    struct process_map_request request = {
        .length_bytes = PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .flags = PROCESS_MAP_TOGETHER};
    struct process_map_reply reply = {0};
    CHECK_STATUS(process_map(process, &request, &reply, NULL), OK);
    return (uint32_t *)reply.at;
}

/* A word in a shared page is one for all processes: the longest waiting thread is woken first, in whichever process. */
IN_CHILD(word_that_is_shared_wakes_other_processes) {
    uint64_t changed, children[3];
    uint32_t *words = shared_words();
    for (uint32_t i = 0; i < 3; i++) {
        if ((children[i] = fork_here()) == 0) {
            CHECK_STATUS(word_wait(&words[1], 0, UINT64_MAX, &changed), OK);
            CHECK_EQUAL(changed, 0);
            return CODE_SIGNALLED;
        }
        CHECK(reaches_state(children[i], PROCESS_SLEEPING));
    }
    CHECK_EQUAL(word_wake(&words[0], UINT64_MAX), 0); /* another word of the page */
    CHECK_STATUS(kill_process(children[1], PROCESS_SIGKILL), OK);
    CHECK_KILLED(children[1], PROCESS_SIGKILL);
    CHECK_EQUAL(word_wake(&words[1], 1), 1);
    CHECK_EXIT(children[0], CODE_SIGNALLED);
    CHECK(reaches_state(children[2], PROCESS_SLEEPING));
    CHECK_EQUAL(word_wake(&words[1], UINT64_MAX), 1);
    CHECK_EXIT(children[2], CODE_SIGNALLED);
    return CODE_SIGNALLED;
}

/* A thread waits at the page that lies at its address at the time of the wake: a process that has unmapped the page
 * takes no wake from those that have it. */
IN_CHILD(word_that_was_unmapped_takes_no_wake) {
    uint64_t changed;
    uint32_t *words = shared_words();
    uint64_t thief = fork_here();
    if (thief == 0) {
        (void)begin(wait_at_word, (uint64_t)&words[0]);
        CHECK(becomes(&ready, 1));
        CHECK_STATUS(doze(SHORT_NS), OK);
        struct process_unmap_request request = {(uaddr_t)words, PAGE_BYTES};
        struct process_unmap_reply reply;
        CHECK_STATUS(process_unmap(process, &request, &reply, NULL), OK);
        CHECK_STATUS(signal_self(PROCESS_SIGSTOP), OK);
        return ROLE_FAILED;
    }
    CHECK_NEWS(thief, PROCESS_WAIT_STOPPED, PROCESS_STOPPED, PROCESS_SIGSTOP);
    uint64_t child = fork_here();
    if (child == 0) {
        CHECK_STATUS(word_wait(&words[0], 0, LONG_NS, &changed), OK);
        return CODE_SIGNALLED;
    }
    CHECK(reaches_state(child, PROCESS_SLEEPING));
    CHECK_EQUAL(word_wake(&words[0], 1), 1);
    CHECK_EXIT(child, CODE_SIGNALLED);
    end_child(thief);
    return CODE_SIGNALLED;
}

/* ---- mutex and condition ---- */

static struct mutex lock;
static volatile uint64_t counted;

static uint64_t count_under_lock(void *argument) {
    for (uint64_t i = 0; i < ROUNDS; i++) {
        mutex_lock(&lock);
        uint64_t seen_now = counted;
        if (i % 64 == (uint64_t)argument)
            (void)doze(0); /* while it is held: the others come to wait */
        counted = seen_now + 1;
        mutex_unlock(&lock);
    }
    return 0;
}

IN_CHILD(mutex_counts_right_under_contention) {
    uint64_t threads[WAITERS];
    for (uint64_t i = 0; i < WAITERS; i++)
        threads[i] = begin(count_under_lock, i);
    for (uint32_t i = 0; i < WAITERS; i++)
        CHECK_EQUAL(join(threads[i]), 0);
    CHECK_EQUAL(counted, WAITERS * ROUNDS);
    CHECK_EQUAL(lock.word, 0);
    return CODE_SIGNALLED;
}

static struct condition changed_count;

/* It takes turns: thread n adds the numbers that are n in modulus WAITERS. */
static uint64_t count_in_turn(void *argument) {
    for (uint32_t i = 0; i < ROUNDS / 20; i++) {
        mutex_lock(&lock);
        while (counted % WAITERS != (uint64_t)argument)
            condition_wait(&changed_count, &lock);
        counted++;
        condition_wake_all(&changed_count);
        mutex_unlock(&lock);
    }
    return 0;
}

IN_CHILD(condition_lets_threads_take_turns) {
    uint64_t threads[WAITERS];
    for (uint64_t i = 0; i < WAITERS; i++)
        threads[i] = begin(count_in_turn, i);
    for (uint32_t i = 0; i < WAITERS; i++)
        CHECK_EQUAL(join(threads[i]), 0);
    CHECK_EQUAL(counted, WAITERS * (ROUNDS / 20));
    return CODE_SIGNALLED;
}

static uint64_t take_one(void *argument) {
    (void)argument;
    mutex_lock(&lock);
    ready++;
    while (counted == 0)
        condition_wait(&changed_count, &lock);
    counted--;
    returned++;
    mutex_unlock(&lock);
    return 0;
}

IN_CHILD(condition_wake_one_wakes_one) {
    uint64_t threads[WAITERS];
    for (uint32_t i = 0; i < WAITERS; i++)
        threads[i] = begin(take_one, 0);
    CHECK(becomes(&ready, WAITERS));
    CHECK_STATUS(doze(SHORT_NS), OK);
    for (uint32_t i = 1; i <= WAITERS; i++) {
        mutex_lock(&lock);
        counted++;
        condition_wake_one(&changed_count);
        mutex_unlock(&lock);
        CHECK(becomes(&returned, i));
    }
    for (uint32_t i = 0; i < WAITERS; i++)
        CHECK_EQUAL(join(threads[i]), 0);
    return CODE_SIGNALLED;
}

/* ---- time and children ---- */

static uint64_t sleep_and_note(void *argument) {
    CHECK_STATUS(doze((uint64_t)argument * SHORT_NS), OK);
    mutex_lock(&lock);
    counted = counted * 10 + (uint64_t)argument;
    mutex_unlock(&lock);
    return 0;
}

IN_CHILD(sleeping_threads_wake_in_order) {
    static const uint64_t lengths[] = {4, 1, 3, 2, 5};
    uint64_t threads[5];
    for (uint32_t i = 0; i < 5; i++)
        threads[i] = begin(sleep_and_note, lengths[i]);
    for (uint32_t i = 0; i < 5; i++)
        CHECK_EQUAL(join(threads[i]), 0);
    CHECK_EQUAL(counted, 12345);
    return CODE_SIGNALLED;
}

static uint64_t wait_for_child(void *argument) {
    struct process_wait_request request = {.pid = (uint64_t)argument};
    struct process_wait_reply reply = {0};
    ready++;
    uint32_t status = process_wait(program_process(), &request, &reply, NULL);
    returned++;
    return status == OK ? reply.value : (uint64_t)status << 32;
}

static uint64_t child_that_ends_with(uint64_t code, uint64_t after_ns) {
    uint64_t pid = fork_here();
    if (pid != 0)
        return pid;
    (void)doze(after_ns);
    program_exit((int)code);
}

IN_CHILD(wait_in_one_thread_lets_the_others_run) {
    uint64_t child = child_that_ends_with(9, 5 * SHORT_NS), thread = begin(wait_for_child, child), count = 0;
    while (returned == 0)
        count++;
    CHECK(count > 1000);
    CHECK_EQUAL(join(thread), 9);
    return CODE_SIGNALLED;
}

IN_CHILD(two_threads_wait_for_two_children) {
    uint64_t late = child_that_ends_with(11, 4 * SHORT_NS), early = child_that_ends_with(12, SHORT_NS);
    uint64_t first = begin(wait_for_child, late), second = begin(wait_for_child, early);
    CHECK_EQUAL(join(second), 12);
    CHECK_EQUAL(returned, 1);
    CHECK_EQUAL(join(first), 11);
    return CODE_SIGNALLED;
}

/* There is one child: once one thread has got it, all others that wait for it, or for any, have none. */
IN_CHILD(two_threads_wait_for_the_last_child) {
    uint64_t none = (uint64_t)P_NO_CHILD << 32;
    for (uint32_t turn = 0; turn < 2; turn++) {
        uint64_t child = child_that_ends_with(13, 4 * SHORT_NS);
        uint64_t first = begin(wait_for_child, child), second = begin(wait_for_child, turn == 0 ? PROCESS_ANY : child);
        uint64_t one = join(first), other = join(second);
        CHECK((one == 13 && other == none) || (one == none && other == 13));
    }
    return CODE_SIGNALLED;
}

/* A wait that does not ask for stops is not told of one, whatever another thread asks for. */
IN_CHILD(wait_of_one_thread_is_not_told_anothers_news) {
    struct process_wait_reply end;
    uint64_t child = idle_child(), thread = begin(wait_for_child, PROCESS_ANY);
    CHECK(becomes(&ready, 1));
    CHECK_STATUS(kill_process(child, PROCESS_SIGSTOP), OK);
    CHECK_STATUS(wait_with(program_process(), child, PROCESS_WAIT_STOPPED, &end), OK);
    CHECK_EQUAL(returned, 0);
    CHECK_STATUS(kill_process(child, PROCESS_SIGKILL), OK);
    CHECK_EQUAL(join(thread), PROCESS_SIGKILL);
    return CODE_SIGNALLED;
}

#define CASES(ROW)                                                                                              \
    ROW(word_wait_tells_a_changed_word, WORDS)                                                                  \
    ROW(word_wait_has_a_timeout, WORDS)                                                                         \
    ROW(word_wake_wakes_as_many_as_it_says, WORDS)                                                              \
    ROW(word_wait_refuses_places, WORDS)                                                                        \
    ROW(word_wake_stays_in_its_process, WORDS | OPERATION(fork) | OPERATION(list))                              \
    ROW(word_that_is_shared_wakes_other_processes, WORDS | OPERATION(fork) | OPERATION(list) | OPERATION(kill)) \
    ROW(word_that_was_unmapped_takes_no_wake, WORDS | OPERATION(fork) | OPERATION(list) | OPERATION(kill))      \
    ROW(mutex_counts_right_under_contention, WORDS)                                                             \
    ROW(condition_lets_threads_take_turns, WORDS)                                                               \
    ROW(condition_wake_one_wakes_one, WORDS)                                                                    \
    ROW(sleeping_threads_wake_in_order, WORDS)                                                                  \
    ROW(wait_in_one_thread_lets_the_others_run, OPERATION(fork))                                                \
    ROW(two_threads_wait_for_two_children, OPERATION(fork))                                                     \
    ROW(two_threads_wait_for_the_last_child, OPERATION(fork))                                                   \
    ROW(wait_of_one_thread_is_not_told_anothers_news, OPERATION(fork) | OPERATION(kill))

static const struct test_case cases[] = {CASES(AS_CASE)};
static const struct role roles[] = {CASES(AS_ROLE)};
GROUP(threads_wait);
