/*
 * The foreground: handlers of the operations on it, and what the console hears of it. The console never calls this server, so a
 * call to it from here ends.
 */
#include "libsys/print.h"
#include "libsys/proto/console.h"
#include "libsys/text.h"
#include "servers/process/deliver.h"
#include "servers/process/foreground.h"
#include "servers/process/serve.h"

static struct system *const sys = &served_system;

void serve_tell_console(void) {
    struct console_set_foreground_request request = {.group = sys->processes.foreground};
    struct console_set_foreground_reply reply;
    struct protocol_extra extra;
    if (sys->caps.console == 0 || sys->told_foreground == sys->processes.foreground)
        return;
    sys->told_foreground = sys->processes.foreground;
    uint32_t status = console_set_foreground(sys->caps.console, &request, &reply, &extra);
    if (status == OK)
        return;
    log_print("process: the console knows no foreground, all may read there: %s", status_text(status));
    sys->caps.console = 0;
}

uint32_t serve_may_name_foreground(const struct process *caller) {
    if (!foreground_has_session(caller))
        return P_PERMISSION;
    return foreground_may_name(&sys->processes, caller) ? OK : P_BACKGROUND;
}

void serve_start_foreground(struct process *caller, struct process *child) {
    uint64_t keys = foreground_start(&sys->processes, caller, child);
    serve_tell_console();
    for (; keys != 0; keys &= keys - 1)
        deliver_raise(child, (uint64_t)__builtin_ctzll(keys) + 1, 0);
}

uint32_t process_serve_set_foreground(struct server_call *call, const struct process_set_foreground_request *request,
                                      struct process_set_foreground_reply *reply) {
    struct process *caller = serve_caller(call);
    struct process *target;
    reply->zero = 0;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (request->goes_on > 1)
        return P_ARGUMENT;
    uint32_t status = serve_find_target(caller, request->pid, &target);
    if (status == OK && target->ended)
        status = P_NO_PROCESS;
    if (status == OK && !foreground_has_session(target))
        status = P_PERMISSION;
    if (status == OK)
        status = serve_may_name_foreground(caller);
    if (status != OK)
        return status;
    foreground_name(&sys->processes, caller, target->group);
    serve_tell_console();
    if (request->goes_on != 0)
        (void)deliver_raise_group(target->group, PROCESS_SIGCONT, caller);
    return OK;
}

uint32_t process_serve_await_foreground(struct server_call *call,
                                        const struct process_await_foreground_request *request,
                                        struct process_await_foreground_reply *reply) {
    const struct thread *thread = serve_badge(call->badge);
    reply->zero = 0;
    if (thread == NULL)
        return P_NO_PROCESS;
    if (request->signal != PROCESS_SIGTTIN && request->signal != PROCESS_SIGTTOU)
        return P_ARGUMENT;
    const struct process *caller = thread->process;
    if (caller->group == sys->processes.foreground)
        return OK;
    bool unheard = ((caller->signals.ignored | thread->masked) & signal_bit(request->signal)) != 0;
    if (unheard || !foreground_has_session(caller) || process_group_is_orphaned(&sys->processes, caller->group))
        return P_PERMISSION;
    (void)deliver_raise_group(caller->group, request->signal, NULL);
    return OK;
}
