/*
 * Everything that comes to the process server besides calls: faults, Ctrl-C and Ctrl-Z, the timer.
 */
#include "libsys/maker/fault.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/transfer.h"
#include "servers/process/answers/timer.h"
#include "servers/process/calls/serve.h"
#include "servers/process/delivery/delivery.h"
#include "servers/process/delivery/raise.h"
#include "servers/process/delivery/time_limit.h"
#include "servers/process/ending/ending.h"
#include "servers/process/ending/report.h"
#include "servers/process/memory/pressure.h"
#include "servers/process/records/foreground.h"

static struct server_context *const context = &served_context;

/*
 * Bring the page of a page fault. words: the part of the message that came in registers. Errors: those of pager_bring;
 * P_ADDRESS it is another fault.
 */
static uint32_t bring_page(struct process *process, const uint64_t *words) {
    uint64_t kind = words[0], address = words[1], how = words[2];
    if (kind != FAULT_PAGE)
        return P_ADDRESS;
    uint32_t access = (how & FAULT_ACCESS_FETCH) != 0   ? MEMORY_EXECUTE
                      : (how & FAULT_ACCESS_WRITE) != 0 ? MEMORY_WRITE
                                                        : MEMORY_READ;
    return pager_bring(context, &objects_of(process)->incarnation, address, access);
}

/*
 * Serve a fault that is a signal to handle, the return from a handler, or the end. Out of line: most faults are page
 * faults.
 */
__attribute__((noinline)) static void serve_other_fault(const struct server_event *event,
                                                        struct process_thread *thread) {
    struct fault_message fault;
    struct process *process = thread->process;
    struct thread_registers registers;
    fault_from_event(event, &fault);
    uint64_t signal = fault_signal(fault.kind);
    pressure_take_for(context, 0); /* the signal's frame on the stack may need one of the last pages */
    if (delivery_leave_handler(thread, &fault, &registers) ||
        delivery_handle_fault(thread, &fault, signal, &registers)) {
        fault.registers = registers;
        served_server.answer = (struct message){.info = MESSAGE_INFO(FAULT_WRITE, FAULT_WORDS, 0)};
        message_put(&served_server.answer, &fault, sizeof fault);
        /* Signals that the end of a handler has unmasked come before the next instruction. */
        if (process_is_due(&context->processes))
            (void)sys_thread_suspend(thread->object, 0);
        if (server_answer_event(&served_server))
            return; /* else the kernel refused the registers: the thread is still in its fault, and its process ends */
    }
    report_fault(context, thread, &fault, P_ADDRESS);
    struct process_wait_reply end = {
        .end = PROCESS_KILLED,
        .value = signal,
        .fault = fault.kind,
        .address = fault.address,
        .rip = fault.rip,
    };
    end_process(process, &end); /* the right to answer goes with its thread */
}

/*
 * Make room for a page of `process`: the process chosen by pressure_choose ends, not the one that happens to ask.
 * False: it was `process` itself. If only process 1 is left, it ends, and the machine is switched off.
 */
static bool make_room(struct process *process) {
    struct process_wait_reply end = {.end = PROCESS_KILLED, .value = PROCESS_SIGKILL, .fault = PROCESS_NO_MEMORY_LEFT};
    uint64_t pages;
    struct process *victim = pressure_choose(context, process, &pages);
    if (victim == NULL) {
        log_print("process: out of memory, and only process 1 is left: it has %lu pages", objects_page_count(process));
        victim = process;
    } else {
        log_print("process: out of memory: process %u (%s), with %lu pages, is killed for process %u (%s)", victim->pid,
                  victim->name, pages, process->pid, process->name);
    }
    bool other = victim != process;
    end_process(victim, &end);
    return other;
}

/*
 * Make room for a page that bring_page could not bring, or end the process. Out of line, as serve_other_fault. True:
 * the page is there now.
 */
__attribute__((noinline)) static bool want_page(const struct server_event *event, struct process_thread *thread,
                                                uint32_t status) {
    struct process *process = thread->process;
    struct fault_message fault;
    while (status == P_NO_MEMORY) {
        if (!make_room(process))
            return false;
        status = bring_page(process, event->message.words);
    }
    if (status == OK)
        return true;
    fault_from_event(event, &fault);
    report_fault(context, thread, &fault, status);
    struct process_wait_reply end = {.end = PROCESS_KILLED,
                                     .value = PROCESS_SIGKILL,
                                     .fault = FAULT_PAGE,
                                     .address = fault.address,
                                     .rip = fault.rip};
    end_process(process, &end);
    return false;
}

void serve_fault(const struct server_event *event) {
    struct process_thread *thread = serve_badge(event->badge);
    if (thread == NULL)
        return;
    uint32_t status = bring_page(thread->process, event->message.words);
    if (status == P_ADDRESS) {
        serve_other_fault(event, thread);
        return;
    }
    if (status != OK && !want_page(event, thread, status))
        return;
    served_server.answer = (struct message){.info = MESSAGE_INFO(FAULT_RESUME, 0, 0)};
    server_decide(&served_server);
}

static void wake(struct wake *due, uint64_t now_ns) {
    struct process_sleep_reply slept = {now_ns};
    switch (due->kind) {
    case WAKE_THREAD: {
        struct process_thread *thread = LIST_OWNER(due, struct process_thread, wake);
        bool sleeps = thread->waits == THREAD_SLEEPS;
        if (thread->waits == THREAD_RUNS)
            delivery_retry(thread);
        else
            answer_give(thread, sleeps ? OK : E_TIMEOUT, sleeps ? &slept : NULL);
        break;
    }
    case WAKE_ALARM:
        raise_for_process(LIST_OWNER(due, struct process, alarm), PROCESS_SIGALRM, 0);
        break;
    case WAKE_LIMIT:
        time_limit_watch(LIST_OWNER(due, struct process, time_limit));
        break;
    }
}

static void take_key(uint64_t signal) {
    foreground_note_key(&context->processes, signal);
    (void)raise_for_group(context->processes.foreground, signal, NULL);
}

void serve_events(uint64_t bits) {
    if ((bits & EVENT_INTERRUPT) != 0)
        take_key(PROCESS_SIGINT);
    if ((bits & EVENT_SUSPEND) != 0)
        take_key(PROCESS_SIGTSTP);
    if ((bits & EVENT_TIMER) != 0) {
        uint64_t now_ns = sys_clock_read().value;
        struct wake *due;
        timer_at_ns = DEADLINE_NEVER;
        while ((due = wakes_take(&context->processes.wakes, now_ns)) != NULL) {
            wake(due, now_ns);
            journal_settle();
        }
    }
    journal_commit(&served_server.journal, SERVER_WAITS); /* the event must not come again */
}
