/*
 * Messages and signals between CPUs: a wait that is about to begin, a partner that dies.
 */
#include "kernel/cap/cap.h"
#include "kernel/ipc/notification.h"
#include "test/host/kernel/schedules/scenarios.h"

static const uint64_t deadline_ns = 100;
static const struct thread_config to_cpu_1 = {.cpu = 1};

#define WAIT_FOREVER(statuses) CALL(ep_wait, statuses, CAP_ENDPOINT, FOR_EVER)
#define SERVE(word, statuses) CALL(ep_reply_wait, statuses, CAP_ENDPOINT, ONE_WORD, word)

#define SERVER WAIT_FOREVER(ONLY_OK), SERVE(77, ONLY_OK), AGAIN(1, ONLY_OK)
#define FAST_CALL CALL(ep_call, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 1)

static const char *answered(void) {
    return world.live.values[0][0] == 77 && world.live.values[0][1] == 78 ? NULL : "an answer is not what was sent";
}

static const char *signals_kept(void) {
    uint64_t got = world.live.values[0][0];
    uint64_t left = world_signal()->bits;
    return got != 0 && (got | left) == 3 && (got & left) == 0 ? NULL : "a signal was lost, or came twice";
}

static const char *signals_taken(void) { return world_signal()->bits == 0 ? NULL : "a signal did not end the wait"; }

/* clang-format off */
static const struct scenario scenarios[] = {
    {.name = "call", .question = "does each call get its answer, from a server on another CPU?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {CALL(ep_call, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 1),
                                                       CALL(ep_call, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 2), END}},
                {.cpu = 1, .priority = 10, .may_not_end = true,
                 .program = {WAIT_FOREVER(ONLY_OK), SERVE(77, ONLY_OK), SERVE(78, ONLY_OK)}}},
     .verdict = answered},
    {.name = "call_from_two", .question = "and when two CPUs call one?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {CALL(ep_call, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 1, .priority = 10, .program = {CALL(ep_call, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 2, .priority = 10, .may_not_end = true,
                 .program = {WAIT_FOREVER(ONLY_OK), SERVE(77, ONLY_OK), AGAIN(1, ONLY_OK)}}}},
    {.name = "signal", .question = "does a raise end a wait that is about to begin?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {CALL(signal_wait, ONLY_OK, CAP_SIGNAL, FOR_EVER), END}},
                {.cpu = 1, .priority = 10, .program = {CALL(signal_raise, ONLY_OK, CAP_SIGNAL, 1), END}},
                {.cpu = 2, .priority = 10, .program = {CALL(signal_raise, ONLY_OK, CAP_SIGNAL, 2), END}}},
     .verdict = signals_kept},
    {.name = "bound_signal", .question = "does it end the wait of a server that is being called?",
     .cpu_count = 3, .bound_signal = true,
     .actors = {{.cpu = 0, .priority = 10, .program = {CALL(ep_call, ONLY_OK, CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 1, .priority = 10, .may_not_end = true,
                 .program = {WAIT_FOREVER(ONLY_OK), SERVE(77, ONLY_OK), AGAIN(1, ONLY_OK)}},
                {.cpu = 2, .priority = 10, .program = {CALL(signal_raise, ONLY_OK, CAP_SIGNAL, 1), END}}},
     .verdict = signals_taken},
    {.name = "deadline", .question = "answer and deadline of a call at once: is it one of them?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .program = {STAGE(deadline_ns, deadline_ns),
                                                       CALL(ep_call, OK_OR(E_TIMEOUT), CAP_ENDPOINT,
                                                            ONE_WORD | MESSAGE_DEADLINE, 1), END}},
                {.cpu = 1, .priority = 10, .may_not_end = true,
                 .program = {WAIT_FOREVER(ONLY_OK), SERVE(77, ONLY_OK), AGAIN(1, ONLY_OK)}},
                {.cpu = 2, .priority = 10, .program = {LATER(60), LATER(60), END}}}},
    {.name = "server_dies", .question = "is a caller told when server and endpoint go?",
     .cpu_count = 3, .doomed_endpoint = true,
     .actors = {{.cpu = 0, .priority = 10,
                 .program = {CALL(ep_call, OK_OR(E_PEER) | STATUS_BIT(E_CAP), CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 1, .priority = 10, .doomed = true, .may_not_end = true,
                 .program = {WAIT_FOREVER(ONLY_OK), SERVE(77, ONLY_OK), AGAIN(1, ONLY_OK)}},
                {.cpu = 2, .priority = 10, .program = {CALL(cap_delete, ONLY_OK, 0, CAP_DOOMED), END}}}},
    {.name = "endpoint_dies", .question = "can a server answer a call whose endpoint is gone?",
     .cpu_count = 3, .doomed_endpoint = true,
     .actors = {{.cpu = 0, .priority = 10,
                 .program = {CALL(ep_call, OK_OR(E_PEER) | STATUS_BIT(E_CAP), CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 1, .priority = 10, .program = {WAIT_FOREVER(OK_OR(E_PEER) | STATUS_BIT(E_CAP)),
                                                       CALL(ep_reply, OK_OR(E_CAP), 0, ONE_WORD, 77), END}},
                {.cpu = 2, .priority = 10, .program = {CALL(cap_delete, ONLY_OK, 0, CAP_DOOMED), END}}}},
    {.name = "caller_dies", .question = "what does an answer to a thread do that is gone?", .cpu_count = 3,
     .actors = {{.cpu = 0, .priority = 10, .doomed = true, .may_not_end = true,
                 .program = {CALL(ep_call, OK_OR(E_PEER), CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 1, .priority = 10, .may_not_end = true,
                 .program = {WAIT_FOREVER(ONLY_OK), TOUCH, TOUCH, CALL(ep_reply, OK_OR(E_CAP), 0, ONE_WORD, 77), END}},
                {.cpu = 2, .priority = 10, .program = {CALL(cap_delete, ONLY_OK, 0, CAP_DOOMED), END}}}},
    {.name = "fast", .question = "does the fast path meet a call from another CPU?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {FAST_CALL, FAST_CALL, END}},
                {.cpu = 0, .priority = 20, .may_not_end = true, .program = {SERVER}},
                {.cpu = 1, .priority = 10, .program = {FAST_CALL, END}}}},
    {.name = "fast_on_two", .question = "or the fast path there, to the same endpoint?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {FAST_CALL, FAST_CALL, END}},
                {.cpu = 0, .priority = 20, .may_not_end = true, .program = {SERVER}},
                {.cpu = 1, .priority = 10, .program = {FAST_CALL, FAST_CALL, END}},
                {.cpu = 1, .priority = 20, .may_not_end = true, .program = {SERVER}}}},
    {.name = "fast_suspend_server", .question = "or the end of its server's time?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {FAST_CALL, FAST_CALL, END}},
                {.cpu = 0, .priority = 20, .may_not_end = true, .program = {SERVER}},
                {.cpu = 1, .priority = 10,
                 .program = {CALL(thread_suspend, ONLY_OK, CAP_THREAD + 1),
                             CALL(thread_resume, ONLY_OK, CAP_THREAD + 1), END}}}},
    {.name = "fast_suspend_caller", .question = "or of the caller's?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {FAST_CALL, FAST_CALL, END}},
                {.cpu = 0, .priority = 20, .may_not_end = true, .program = {SERVER}},
                {.cpu = 1, .priority = 10,
                 .program = {CALL(thread_suspend, ONLY_OK, CAP_THREAD), CALL(thread_resume, ONLY_OK, CAP_THREAD),
                             END}}}},
    {.name = "fast_suspend", .question = "does a server that is stopped get another message?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .may_not_end = true, .program = {FAST_CALL, FAST_CALL, END}},
                {.cpu = 0, .priority = 20, .may_not_end = true, .program = {SERVER}},
                {.cpu = 1, .priority = 10, .program = {CALL(thread_suspend, ONLY_OK, CAP_THREAD + 1), END}}}},
    {.name = "fast_moves", .question = "or a server that moves?", .cpu_count = 2,
     .actors = {{.cpu = 0, .priority = 10, .program = {FAST_CALL, FAST_CALL, END}},
                {.cpu = 0, .priority = 20, .may_not_end = true, .program = {SERVER}},
                {.cpu = 1, .priority = 10,
                 .program = {STAGE(data, to_cpu_1), CALL(thread_configure, ONLY_OK, CAP_THREAD + 1, THREAD_CPU),
                             END}}}},
    {.name = "fast_dies", .question = "or one that goes, with its endpoint?", .cpu_count = 2, .doomed_endpoint = true,
     .actors = {{.cpu = 0, .priority = 10,
                 .program = {CALL(ep_call, OK_OR(E_PEER) | STATUS_BIT(E_CAP), CAP_ENDPOINT, ONE_WORD, 1), END}},
                {.cpu = 0, .priority = 20, .doomed = true, .may_not_end = true, .program = {SERVER}},
                {.cpu = 1, .priority = 10, .program = {CALL(cap_delete, ONLY_OK, 0, CAP_DOOMED), END}}}},
    {.name = "fast_signal", .question = "or a signal to its server?", .cpu_count = 2, .bound_signal = true,
     .actors = {{.cpu = 0, .priority = 10, .program = {FAST_CALL, FAST_CALL, END}},
                {.cpu = 0, .priority = 20, .may_not_end = true, .program = {SERVER}},
                {.cpu = 1, .priority = 10, .program = {CALL(signal_raise, ONLY_OK, CAP_SIGNAL, 1), END}}},
     .verdict = signals_taken},
};
/* clang-format on */
const struct scenario_list scenarios_messages = SCENARIO_LIST(scenarios);
