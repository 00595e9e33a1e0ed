/*
 * Shared by the groups of cases about threads. A case is a role of its own name in a child (IN_CHILD), whose threads
 * are libsys/runtime/threads.h's; where the protocol itself is asked, the calling thread's own capability is used.
 */
#pragma once

#include "libsys/runtime/mutex.h"
#include "libsys/runtime/threads.h"
#include "test/process/signals.h"

#define THREADS                                                                                      \
    (OPERATION(thread_create) | OPERATION(thread_exit) | OPERATION(thread_join) | OPERATION(sleep) | \
     OPERATION(thread_detach) | OPERATION(map) | OPERATION(unmap))
#define WORDS (OPERATION(word_wait) | OPERATION(word_wake))

/* CASES(ROW) lists the cases of a group: ROW(name, operations besides THREADS). */
#define AS_CASE(name, operations) CASE_NEEDS(name, THREADS | (operations)),
#define AS_ROLE(name, operations) ROLE(name),

#define NO_THREAD UINT64_MAX

/* A new thread. NO_THREAD: it did not start, and the case has failed. */
static inline uint64_t begin(threads_function run, uint64_t argument) {
    uint64_t thread;
    return CHECK_STATUS(threads_start(run, (void *)argument, &thread), OK) ? thread : NO_THREAD;
}

/* Join it. Returns its result. */
static inline uint64_t join(uint64_t thread) {
    uint64_t value = 0;
    CHECK_STATUS(threads_join(thread, &value), OK);
    return value;
}

/* join of the protocol, which a signal's handler interrupts. */
static inline uint32_t join_once(uint64_t thread) {
    struct process_thread_join_request request = {thread};
    struct process_thread_join_reply reply;
    struct protocol_extra extra = {.interruptible = true};
    return process_thread_join(program_process(), &request, &reply, &extra);
}

static inline uint32_t doze(uint64_t duration_ns) {
    struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    return process_sleep(program_process(), &request, &reply, NULL);
}

/* Wait until another thread has set *word to `wanted`; a few seconds at most. */
static inline bool becomes(volatile uint64_t *word, uint64_t wanted) {
    for (uint32_t i = 0; i < 1000 && *word != wanted; i++)
        (void)doze(5000000);
    return *word == wanted;
}

static inline uint32_t word_wait(const uint32_t *word, uint32_t expected, uint64_t timeout_ns, uint64_t *ret_changed) {
    struct process_word_wait_request request = {(uaddr_t)word, expected,
                                                timeout_ns == 0 ? 0 : program_time_in(timeout_ns)};
    struct process_word_wait_reply reply = {0};
    struct protocol_extra extra = {.interruptible = true};
    uint32_t status = process_word_wait(program_process(), &request, &reply, &extra);
    *ret_changed = reply.changed;
    return status;
}

static inline uint64_t word_wake(const uint32_t *word, uint64_t count) {
    struct process_word_wake_request request = {(uaddr_t)word, count};
    struct process_word_wake_reply reply = {0};
    CHECK_STATUS(process_word_wake(program_process(), &request, &reply, NULL), OK);
    return reply.woken;
}

static inline uint32_t signal_thread(uint64_t thread, uint64_t signal) {
    struct process_thread_signal_request request = {thread, signal};
    struct process_thread_signal_reply reply;
    return process_thread_signal(program_process(), &request, &reply, NULL);
}

/* Masks are a thread's own. */
static inline uint64_t mask_own(uint64_t mask, uint64_t how) {
    struct process_signal_mask_request request = {mask, how};
    struct process_signal_mask_reply reply = {0};
    CHECK_STATUS(process_signal_mask(program_process(), &request, &reply, NULL), OK);
    return reply.mask;
}

/* A thread that sleeps until its process ends. */
static inline uint64_t sleep_on_and_on(void *argument) {
    struct process_sleep_request request = {UINT64_MAX};
    struct process_sleep_reply reply;
    struct protocol_extra extra = {.interruptible = true};
    (void)argument;
    return process_sleep(program_process(), &request, &reply, &extra) == P_INTERRUPTED ? 0 : 1;
}

static inline uint64_t spin_on_and_on(void *argument) {
    (void)argument;
    for (;;)
        __asm__ volatile("pause");
}

/* The server's figures of memory in use; threads change one of them. */
static inline struct process_memory_reply memory_now(void) {
    struct process_memory_request request = {0};
    struct process_memory_reply reply = {0};
    CHECK_STATUS(process_memory(program_process(), &request, &reply, NULL), OK);
    return reply;
}
