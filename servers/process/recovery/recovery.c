#include "servers/process/recovery/recovery.h"

#include "kernel/abi/rights.h"
#include "kernel/abi/thread.h"
#include "libsys/maker/fault.h"
#include "libsys/program/keep.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/transfer.h"
#include "servers/process/answers/console.h"
#include "servers/process/answers/timer.h"
#include "servers/process/delivery/delivery.h"
#include "servers/process/delivery/time_limit.h"
#include "servers/process/ending/ending.h"
#include "servers/process/memory/wait_words.h"
#include "servers/process/programs/exec_rest.h"
#include "servers/process/records/restart.h"

uint64_t recovery_map(const struct server_context *context) {
    uint64_t status = context_map_own(context, &context->bookkeeping, (uaddr_t)context->frames.bits);
    if (status == OK)
        status = context_map_own(context, &context->work.run, (uaddr_t)context->work.bytes);
    return status == OK ? page_allocator_map_again(&context->allocator, context->caps.space) : status;
}

/* The process behind this place of the table that is there, or NULL. */
static struct process *next(const struct server_context *context, uint32_t *place) {
    while (*place < PROCESS_MAX)
        if (context->processes.entries[(*place)++] != NULL)
            return context->processes.entries[*place - 1];
    return NULL;
}

/* ---- before server_init() ---- */

/*
 * A fault at which this server has died again and again is the end of the process: nobody can be told that the fault
 * was not served.
 */
static void give_up_fault(void) {
    uint64_t mark = served_server.journal.mark;
    uint64_t tries = SERVER_TRIES(mark) + ((const struct keep_head *)KEEP_AT)->failed;
    bool open = SERVER_STAGE(mark) == SERVER_RECEIVED || SERVER_STAGE(mark) == SERVER_COPIED;
    struct process *process = serve_badge_process(served_server.event.badge);
    if (!open || server_event_kind(&served_server) != MESSAGE_FAULT || tries < SERVER_TRIES_MAX || process == NULL)
        return;
    process->end = (struct process_wait_reply){.pid = process->pid,
                                               .end = PROCESS_KILLED,
                                               .value = PROCESS_SIGKILL,
                                               .fault = PROCESS_SERVER_FAILED,
                                               .rip = served_server.event.message.words[3]};
    process->ending = true;
}

/* Which of its threads wait for an answer? Those whose calls are still there. */
static void claim_answers(struct process *process) {
    for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at)) {
        bool waits = at->waits != THREAD_RUNS && QUERY_TYPE(sys_cap_query(at->answer).value) == OBJECT_REPLY;
        if (waits) {
            slot_claim(at->answer);
        } else {
            at->waits = THREAD_RUNS;
            at->answer = 0;
        }
    }
}

/* Put a thread that waits for a word among those that do: they are few, and in order. */
static void add_to_words(struct process_table *table, struct process_thread *thread) {
    struct links *head = wait_word_waiters(table, wait_word_at(thread->process, thread->wait_for)), *at = head->next;
    while (at != head &&
           (int32_t)(LIST_OWNER(at, struct process_thread, in_words)->wait_order - thread->wait_order) < 0)
        at = at->next;
    list_add(at, &thread->in_words);
}

static void list_words(struct server_context *context) {
    struct process *process;
    for (uint32_t i = 0; (process = next(context, &i)) != NULL;)
        for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
            if (at->waits == THREAD_WAITS_WORD)
                add_to_words(&context->processes, at);
}

static void claim_exec(const struct server_context *context) {
    if (launch_exec_process(context) == NULL)
        return;
    for (uint32_t i = 0; i < launch_exec_rest.given_count; i++)
        slot_claim(launch_exec_rest.held[i]);
    journal_commit(&served_server.journal, SERVER_WAITS); /* its caller is gone, and the call must not come again */
}

void recovery_count(struct server_context *context) {
    struct process *process;
    struct frames *frames = &context->frames;
    delivery_finish();
    launch_exec_take_over(context);
    claim_exec(context);
    give_up_fault();
    frames_start(frames, frames->bits);
    frames_reserve(frames, &context->bookkeeping);
    frames_reserve(frames, &context->work.run);
    page_allocator_forget(&context->allocator);
    vm_files_forget(&context->files);
    for (uint32_t i = 0; (process = next(context, &i)) != NULL;) {
        if (process->ending)
            ending_take_over(process);
        claim_answers(process);
        objects_take_over(context, process);
    }
    page_allocator_count(&context->allocator);
    vm_files_claim(&context->files);
    process_table_restart(&context->processes);
    list_words(context);
    if (SERVER_STAGE(served_server.journal.mark) != SERVER_RECEIVED &&
        SERVER_STAGE(served_server.journal.mark) != SERVER_COPIED)
        context->woken = 0;
}

/* ---- behind it ---- */

/*
 * The policy of the program before may have given threads other priorities than their nice values stand for, and this
 * one knows nothing of that (policy.h).
 */
static void reset_priorities(const struct server_context *context, struct process *process) {
    for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
        (void)objects_set_priority(context, at);
}

/* Let all threads go on that may. Where signals are due, delivery_run() lets them, behind the signals. */
static void resume(struct process *process) {
    if (process->ended || process->halted)
        return;
    if (!list_is_empty(&process->in_due)) {
        process->goes_on = true;
        return;
    }
    for (struct process_thread *at = thread_next(process, NULL); at != NULL; at = thread_next(process, at))
        (void)objects_resume(at);
}

static void end_failed(struct process *process) {
    struct process_wait_reply end = {.end = PROCESS_KILLED, .value = PROCESS_SIGKILL, .fault = PROCESS_SERVER_FAILED};
    end_process(process, &end);
}

static void finish_process(struct server_context *context, struct process *process) {
    const struct incarnation *incarnation = &objects_of(process)->incarnation;
    bool changed = incarnation == context->change.incarnation || incarnation == context->addition.incarnation;
    bool failed =
        !process->ending && changed && incarnation->vm != NULL && objects_map_messages(context, process) != OK;
    if (failed || (process->ending && process->end.fault == PROCESS_SERVER_FAILED))
        log_print("process: process %u (%s) is killed: this server failed at a fault of it", process->pid,
                  process->name);
    if (process->ending)
        ending_finish(process);
    else if (failed)
        end_failed(process);
}

/* The fault that comes again: its message is not in the message page any more. */
static void restore_fault(void) {
    const struct process_thread *thread = serve_badge(served_server.event.badge);
    struct fault_message fault = {0};
    struct thread_state state;
    if (thread == NULL || sys_thread_read(thread->object, 0).status != OK)
        return;
    memcpy(&state, program.message->data, sizeof state);
    memcpy(&fault, served_server.event.message.words, sizeof served_server.event.message.words);
    fault.registers = state.registers;
    message_put(&served_server.event.message, &fault, sizeof fault);
}

void recovery_finish(struct server_context *context) {
    struct process *process;
    launch_exec_finish(context);
    for (uint32_t i = 0; (process = next(context, &i)) != NULL;)
        finish_process(context, process);
    objects_tell_withdrawn(context);
    for (uint32_t i = 0; (process = next(context, &i)) != NULL;) {
        time_limit_watch(process);
        if (context->other_priorities)
            reset_priorities(context, process);
        resume(process);
    }
    context->other_priorities = false;
    context->told_foreground = 0;
    console_tell_foreground();
    page_allocator_settle_given(&context->allocator);
    bool comes_again = SERVER_STAGE(served_server.journal.mark) == SERVER_COPIED;
    if (!comes_again) {
        (void)server_flush(&served_server);
        delivery_run();
    } else if (server_event_kind(&served_server) == MESSAGE_FAULT) {
        restore_fault();
    }
    timer_update();
}
