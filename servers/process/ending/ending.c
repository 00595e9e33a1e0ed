#include "servers/process/ending/ending.h"

#include "libsys/proto/init.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/journal.h"
#include "libsys/wire/status_text.h"
#include "servers/process/answers/answer.h"
#include "servers/process/answers/console.h"

static struct server_context *const context = &served_context;

/* Switch the machine off: process 1, which it runs for, has ended. */
static void first_ended(const struct process_wait_reply *end) {
    uint64_t status = end->end == PROCESS_EXITED ? end->value : 128 + end->value;
    log_print("process: process 1 %s %lu: switching off", end->end == PROCESS_EXITED ? "exited with" : "was killed by",
              end->value);
    struct init_power_off_request request = {status & 0xff};
    struct init_power_off_reply reply;
    uint32_t failed =
        context->caps.init != 0 ? init_power_off(context->caps.init, &request, &reply, NULL) : P_NO_CAPABILITY;
    log_print("process: can't switch off: %s", status_text(failed));
}

void ending_finish(struct process *process) {
    bool first = process->pid == PROCESS_FIRST;
    const struct process_wait_reply end = process->end;
    bool forgotten = process_parent(&context->processes, process) == NULL;
    process_end(&context->processes, process, &end);
    if (!forgotten)
        process->ending = false;
    journal_settle();
    page_allocator_settle(&context->allocator); /* a process that wants pages may be waiting for them */
    console_tell_foreground();                  /* before the parent hears of the end: it may want to read there */
    if (first)
        first_ended(&end);
}

void end_process(struct process *process, const struct process_wait_reply *end) {
    uint32_t numbers = process->living;
    process->end = *end;
    process->end.pid = process->pid;
    process->ending = true;
    journal_settle();
    staged_strings_forget(context, staged_of(process));
    objects_destroy(context, process);
    for (; numbers != 0; numbers &= numbers - 1) { /* now no thread can come back from its call */
        const struct process_thread *thread = thread_at(process, (uint32_t)__builtin_ctz(numbers));
        if (thread->answer != 0)
            server_forget(thread->answer);
    }
    ending_finish(process);
}

void ending_take_over(struct process *process) {
    memset(objects_of(process), 0, sizeof *objects_of(process));
    memset(staged_of(process), 0, sizeof *staged_of(process));
    process->living = process->joinable = 0;
    for (uint32_t i = 0; i < PROCESS_THREADS_MAX; i++)
        if (thread_at(process, i) != NULL)
            thread_at(process, i)->message_frame = FRAMES_NONE;
}
