/*
 * Shared by the groups of cases about signals: operations, and a handler that records what it saw.
 */
#pragma once

#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/runtime/signal.h"
#include "libsys/text/string.h"
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

static inline uint64_t fork_here(void) {
    uint64_t pid;
    if (!CHECK_STATUS(fork_process(&pid), OK))
        program_exit(ROLE_FAILED);
    return pid;
}

/* A handler ends it. */
static inline uint32_t sleep_ns(uint64_t duration_ns) {
    struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    struct protocol_extra extra = {.interruptible = true};
    return process_sleep(process, &request, &reply, &extra);
}

static inline struct process_signal_mask_reply mask_call(uint64_t mask, uint64_t how) {
    struct process_signal_mask_request request = {mask, how};
    struct process_signal_mask_reply reply = {0};
    CHECK_STATUS(process_signal_mask(process, &request, &reply, NULL), OK);
    return reply;
}

static inline uint64_t mask_to(uint64_t mask) { return mask_call(mask, PROCESS_MASK_SET).mask; }
static inline uint64_t masked_now(void) { return mask_call(0, PROCESS_MASK_ASK).mask; }
static inline uint64_t pending_now(void) { return mask_call(0, PROCESS_MASK_ASK).pending; }

static inline uint32_t act(uint64_t signal, uint64_t disposition, uint64_t *ret_before) {
    struct process_signal_action_request request = {.signal = signal, .disposition = disposition};
    struct process_signal_action_reply reply = {0};
    uint32_t status = process_signal_action(process, &request, &reply, NULL);
    *ret_before = reply.disposition;
    return status;
}

static inline uint32_t use_stack(const void *at, uint64_t size_bytes) {
    struct process_signal_stack_request request = {(uaddr_t)at, size_bytes};
    struct process_signal_stack_reply reply;
    return process_signal_stack(process, &request, &reply, NULL);
}

static inline uint32_t wait_masking(cap_t server, uint64_t mask) {
    struct process_signal_wait_request request = {mask};
    struct process_signal_wait_reply reply;
    struct protocol_extra extra = {.interruptible = true};
    return process_signal_wait(server, &request, &reply, &extra);
}

static inline uint32_t set_group(uint64_t pid, uint64_t group) {
    struct process_set_group_request request = {pid, group};
    struct process_set_group_reply reply;
    return process_set_group(process, &request, &reply, NULL);
}

/* One of the caller's own, which its parent holds. */
static inline void begin_group(void) { CHECK_STATUS(set_group(0, 0), OK); }

static inline struct process_get_group_reply group_of(uint64_t pid) {
    struct process_get_group_request request = {pid};
    struct process_get_group_reply reply = {0};
    CHECK_STATUS(process_get_group(process, &request, &reply, NULL), OK);
    return reply;
}

static inline uint32_t set_session(uint64_t *ret_session) {
    struct process_set_session_request request = {0};
    struct process_set_session_reply reply = {0};
    uint32_t status = process_set_session(process, &request, &reply, NULL);
    *ret_session = reply.session;
    return status;
}

/* Returns the time left of the last alarm. */
static inline uint64_t alarm_after(uint64_t duration_ns) {
    struct process_alarm_request request = {duration_ns};
    struct process_alarm_reply reply = {0};
    CHECK_STATUS(process_alarm(process, &request, &reply, NULL), OK);
    return reply.left_ns;
}

#define CHECK_NEWS(pid, flags, end, value) check_news((pid), (flags), (end), (value), __LINE__)
static inline bool check_news(uint64_t pid, uint64_t flags, uint64_t end, uint64_t value, int line) {
    struct process_wait_reply reply;
    return test_check_status(wait_with(process, pid, flags, &reply), OK, __FILE__, line, "wait for news") &&
           test_check_equal(reply.end, end, __FILE__, line, "news") &&
           test_check_equal(reply.value, value, __FILE__, line, "value of the news") &&
           test_check_equal(reply.pid, pid, __FILE__, line, "whose news");
}

static inline uint64_t idle_child(void) {
    uint64_t pid = fork_here();
    while (pid == 0)
        (void)sleep_ns(LONG_NS);
    return pid;
}

static inline void end_child(uint64_t pid) {
    CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
    CHECK_KILLED(pid, PROCESS_SIGKILL);
}

/* ---- handlers ---- */

static volatile uint64_t seen[PROCESS_SIGNAL_MAX + 1], order;
static struct process_signal_frame last;
static volatile uintptr_t last_at; /* of the frame */

static inline void note(uint64_t signal, const struct process_signal_frame *frame) {
    seen[signal]++;
    order = order * 100 + signal;
    memcpy(&last, frame, sizeof last);
    last_at = (uintptr_t)frame;
}

static inline bool handle(uint64_t signal) { return CHECK_STATUS(signal_handle(signal, note, 0), OK); }

#define HANDLERS                                                                                                 \
    (OPERATION(fork) | OPERATION(kill) | OPERATION(sleep) | OPERATION(signal_entry) | OPERATION(signal_action) | \
     OPERATION(signal_mask))
#define SIGNAL(name) CASE_NEEDS(name, HANDLERS)
#define SIGNAL_AND(name, others) CASE_NEEDS(name, HANDLERS | (others))
