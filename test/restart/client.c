#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/threads.h"
#include "libsys/text/string.h"
#include "test/restart/suite.h"

#define PARKED_POLLS 2000U
#define POLL_NS 20000U
#define OVER_NS 10000000000U /* longest wait for the end of a call */

cap_t server(const char *name) { return program_cap(name); }

uint64_t new_death(uint64_t times, enum mortal_place place) {
    static uint64_t serial;
    return MORTAL_DEATH(++serial, times, place);
}

uint32_t add(cap_t at, uint64_t death, uint64_t amount, struct mortal_add_reply *ret_reply) {
    const struct mortal_add_request request = {death, amount};
    struct mortal_add_reply reply = {0};
    uint32_t status = mortal_add(at, &request, &reply, NULL);
    if (ret_reply != NULL)
        *ret_reply = reply;
    return status;
}

uint32_t swap_text(cap_t at, uint64_t death, uint64_t length_bytes, struct mortal_swap_reply *ret_reply) {
    struct mortal_swap_request request = {.length_bytes = length_bytes, .death = death};
    for (uint64_t i = 0; i < length_bytes; i++)
        request.text[i] = (char)(length_bytes + i);
    return mortal_swap(at, &request, ret_reply, NULL);
}

uint32_t open_own(cap_t at, uint64_t death, cap_t *ret_own) {
    const struct mortal_open_request request = {death};
    struct mortal_open_reply reply;
    struct protocol_extra extra = {.receive = {slot_take()}};
    uint32_t status = mortal_open(at, &request, &reply, &extra);
    *ret_own = extra.receive[0];
    if (status != OK)
        slot_drop(ret_own);
    return status;
}

uint32_t give(cap_t at, uint64_t death, cap_t given, uint64_t *ret_count) {
    const struct mortal_give_request request = {death};
    struct mortal_give_reply reply = {0};
    struct protocol_extra extra = {.send = {given}};
    uint32_t status = mortal_give(at, &request, &reply, &extra);
    *ret_count = reply.given;
    return status;
}

uint32_t take(cap_t at, uint64_t death, cap_t *ret_taken, uint64_t *ret_count) {
    const struct mortal_take_request request = {death};
    struct mortal_take_reply reply = {0};
    struct protocol_extra extra = {.receive = {slot_take()}};
    uint32_t status = mortal_take(at, &request, &reply, &extra);
    *ret_taken = extra.receive[0];
    *ret_count = reply.given;
    if (status != OK)
        slot_drop(ret_taken);
    return status;
}

uint32_t hand(cap_t at, uint64_t death, uint64_t amount, uint64_t *ret_count) {
    const struct mortal_hand_request request = {death, amount};
    struct mortal_hand_reply reply = {0};
    uint32_t status = mortal_hand(at, &request, &reply, NULL);
    *ret_count = reply.handed;
    return status;
}

struct mortal_look_reply look(cap_t at) {
    const struct mortal_look_request request = {0};
    struct mortal_look_reply reply = {0};
    CHECK_STATUS(mortal_look(at, &request, &reply, NULL), OK);
    return reply;
}

void doom(cap_t at, const struct mortal_doom_request *request) {
    struct mortal_doom_reply reply;
    CHECK_STATUS(mortal_doom(at, request, &reply, NULL), OK);
}

void reset(cap_t at) {
    const struct mortal_reset_request request = {0};
    struct mortal_reset_reply reply;
    CHECK_STATUS(mortal_reset(at, &request, &reply, NULL), OK);
}

/* ---- callers ---- */

static uint64_t call_in_thread(void *argument) {
    struct caller *caller = argument;
    const struct mortal_await_request request = {caller->death, caller->changes};
    struct mortal_add_reply sum = {0};
    if (caller->changes != 0) {
        caller->status = mortal_await(caller->at, &request, &caller->reply, NULL);
    } else {
        caller->status = add(caller->at, caller->death, 1, &sum);
        caller->reply = (struct mortal_await_reply){sum.total, sum.changes};
    }
    caller->over = true;
    return 0;
}

void caller_start(struct caller *caller) {
    caller->over = false;
    caller->reply = (struct mortal_await_reply){0};
    CHECK_STATUS(threads_start(call_in_thread, caller, &caller->thread), OK);
}

void caller_park(struct caller *caller, uint64_t waiting) {
    caller_start(caller);
    for (uint32_t i = 0; i < PARKED_POLLS && look(caller->at).waiting != waiting && !test_has_failed(); i++)
        doze(POLL_NS);
    CHECK_EQUAL(look(caller->at).waiting, waiting);
}

uint32_t caller_join(struct caller *caller) {
    uint64_t value;
    for (uint64_t begin_ns = sys_clock_read().value; !caller->over && sys_clock_read().value - begin_ns < OVER_NS;)
        doze(POLL_NS);
    if (!CHECK(caller->over))
        return P_BUSY; /* its thread stays */
    CHECK_STATUS(threads_join(caller->thread, &value), OK);
    return caller->status;
}

void doze(uint64_t duration_ns) {
    const struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    (void)process_sleep(program_process(), &request, &reply, NULL);
}

/* ---- init ---- */

bool log_says(const char *text) {
    static struct init_read_log_request request;
    static struct init_read_log_reply reply;
    static char window[2 * INIT_LOG_BYTES + 1]; /* a text may lie across two replies */
    size_t kept = 0, length = strlen(text);
    while (init_read_log(server("log"), &request, &reply, NULL) == OK && reply.length_bytes > 0) {
        request.position = reply.next;
        memcpy(window + kept, reply.bytes, reply.length_bytes);
        size_t bytes = kept + reply.length_bytes;
        for (size_t at = 0; at + length <= bytes; at++)
            if (memcmp(window + at, text, length) == 0)
                return true;
        kept = bytes < length ? bytes : length;
        memmove(window, window + bytes - kept, kept);
    }
    return false;
}
