#include "servers/process/ending/ending.h"

#include "libsys/proto/init.h"
#include "libsys/runtime/print.h"
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

void end_process(struct process *process, const struct process_wait_reply *end) {
    bool first = process->pid == PROCESS_FIRST;
    uint32_t numbers = process->living;
    staged_strings_forget(context, staged_of(process));
    objects_destroy(context, process);
    for (; numbers != 0; numbers &= numbers - 1) { /* now no thread can come back from its call */
        const struct process_thread *thread = thread_at(process, (uint32_t)__builtin_ctz(numbers));
        if (thread->answer != 0)
            server_forget(thread->answer);
    }
    process_end(&context->processes, process, end);
    console_tell_foreground(); /* before the parent hears of the end: it may want to read there */
    if (first)
        first_ended(end);
}
