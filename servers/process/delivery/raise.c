#include "servers/process/delivery/raise.h"

#include "servers/process/answers/answer.h"

static struct server_context *const context = &served_context;

/*
 * Let a process go on. Its threads run only after the signals that came meanwhile have been delivered: on another CPU
 * they would run on at once, without them.
 */
static void resume(struct process *process) {
    if (!process->halted)
        return;
    process->goes_on = true;
    list_move(&context->processes.due, &process->in_due);
    process_add_news(&context->processes, process, PROCESS_CONTINUED, 0);
    process->halted = false; /* last: should this server end before, all this happens again */
}

/* Raise a signal, for `thread` alone, or (NULL) for whichever thread of the process does not mask it. */
static void raise(struct process *process, struct process_thread *thread, uint64_t signal, uint32_t sender) {
    if (process->ended || signal == 0)
        return;
    bool protected = process->pid == PROCESS_FIRST && (process->signals.handled & signal_bit(signal)) == 0;
    if (protected)
        return; /* without process 1 the machine has nothing to do */
    if (signal == PROCESS_SIGCONT)
        resume(process);
    for (struct process_thread *at = thread_next(process, NULL); signal == PROCESS_SIGCONT && at != NULL;
         at = thread_next(process, at))
        at->pending &= ~SIGNALS_STOP;
    signals_raise(&process->signals, thread != NULL ? &thread->pending : NULL, signal, sender);
    process_note_signals(&context->processes, process);
}

void raise_for_process(struct process *process, uint64_t signal, uint32_t sender) {
    raise(process, NULL, signal, sender);
}

void raise_for_thread(struct process_thread *thread, uint64_t signal) {
    bool for_all = signal == PROCESS_SIGKILL || signal == PROCESS_SIGSTOP || signal == PROCESS_SIGCONT;
    raise(thread->process, for_all ? NULL : thread, signal, thread->process->pid);
}

uint32_t raise_for_group(uint32_t group, uint64_t signal, const struct process *caller) {
    uint32_t count = 0;
    struct process *process = process_next_in_group(&context->processes, group, NULL);
    for (; process != NULL; process = process_next_in_group(&context->processes, group, process)) {
        if (process->ended || (caller != NULL && !process_may_signal(&context->processes, caller, process)))
            continue;
        raise_for_process(process, signal, caller != NULL ? caller->pid : 0);
        count++;
    }
    return count;
}
