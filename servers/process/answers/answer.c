#include "servers/process/answers/answer.h"

struct server_context served_context;
struct server served_server;

static struct server_context *const context = &served_context;

uint32_t answer_defer(struct process_thread *caller, enum thread_wait waits) {
    if (caller->answer != 0)
        return P_BUSY;
    caller->answer = server_defer();
    if (caller->answer == 0)
        return P_LIMIT;
    caller->waits = (uint16_t)waits;
    return SERVER_DEFERRED;
}

bool answer_give(struct process_thread *thread, uint32_t status, const void *reply) {
    enum thread_wait waits = thread->waits;
    cap_t answer = thread->answer;
    if (waits == THREAD_WAITS_WORD)
        list_remove(&thread->in_words);
    thread->waits = THREAD_RUNS;
    thread->answer = 0;
    wakes_set(&context->processes.wakes, &thread->wake, DEADLINE_NEVER);
    return server_answer(&served_server, answer, waits, status, reply);
}

void answer_waiting(struct process *parent) {
    struct process *child;
    for (struct process_thread *at = thread_next(parent, NULL); at != NULL; at = thread_next(parent, at)) {
        if (at->waits != THREAD_WAITS)
            continue;
        struct process_wait_reply told = {0};
        uint32_t status = process_find_news(&context->processes, parent, at->wait_for, at->wait_flags, &child);
        if (status == OK)
            told = process_tell(&context->processes, child);
        if (status != E_TIMEOUT)
            answer_give(at, status, &told);
    }
}
