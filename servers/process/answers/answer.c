#include "servers/process/answers/answer.h"

#include "libsys/program/program.h"
#include "servers/process/memory/wait_words.h"

static struct server_context *const context = &served_context;

/*
 * The thread no longer waits. If this server ends before it has noted that, its successor finds the right to answer
 * gone, and does it.
 */
static void wait_no_more(struct process_thread *thread) {
    if (thread->waits == THREAD_WAITS_WORD)
        list_remove(&thread->in_words);
    thread->waits = THREAD_RUNS;
    thread->answer = 0;
    wakes_set(&context->processes.wakes, &thread->wake, DEADLINE_NEVER);
}

uint32_t answer_defer(struct process_thread *caller, const struct answer_wait *wait) {
    if (caller->answer != 0 && server_client_waits(caller->answer))
        return P_BUSY;
    if (caller->answer != 0)
        wait_no_more(caller); /* that call has ended without an answer */
    cap_t slot = slot_take();
    if (slot == 0)
        return P_LIMIT;
    caller->wait_for = wait->wait_for;
    caller->wait_flags = wait->flags;
    if (wait->waits == THREAD_WAITS_WORD) {
        caller->wait_order = ++context->processes.last_order;
        list_add(wait_word_waiters(&context->processes, wait_word_at(caller->process, wait->wait_for)),
                 &caller->in_words);
    }
    if (wait->waits == THREAD_WAITS_WORD || wait->waits == THREAD_SLEEPS)
        wakes_set(&context->processes.wakes, &caller->wake, wait->until_ns);
    caller->waits = (uint16_t)wait->waits;
    caller->answer = slot; /* a successor looks whether it holds the right to answer */
    if (server_defer_to(slot))
        return SERVER_DEFERRED;
    wait_no_more(caller);
    slot_free(slot);
    return P_LIMIT;
}

bool answer_give(struct process_thread *thread, uint32_t status, const void *reply) {
    bool taken = server_answer(&served_server, thread->answer, thread->waits, status, reply);
    wait_no_more(thread);
    return taken;
}

bool answer_give_and_decide(struct process_thread *thread, const void *given) {
    bool taken = server_answer_and_decide(&served_server, thread->answer, thread->waits, given);
    wait_no_more(thread);
    return taken;
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
