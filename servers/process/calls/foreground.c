/*
 * Handlers of the operations on the foreground.
 */
#include "servers/process/records/foreground.h"
#include "servers/process/answers/console.h"
#include "servers/process/calls/serve.h"
#include "servers/process/delivery/raise.h"

static struct server_context *const context = &served_context;

uint32_t serve_may_name_foreground(const struct process *caller) {
    if (!foreground_has_session(caller))
        return P_PERMISSION;
    return foreground_may_name(&context->processes, caller) ? OK : P_BACKGROUND;
}

void serve_start_foreground(struct process *caller, struct process *child) {
    uint64_t keys = foreground_start(&context->processes, caller, child);
    console_tell_foreground();
    for (; keys != 0; keys &= keys - 1)
        raise_for_process(child, (uint64_t)__builtin_ctzll(keys) + 1, 0);
}

uint32_t process_serve_set_foreground(struct server_call *, const struct process_set_foreground_request *request,
                                      struct process_set_foreground_reply *reply, struct process *caller) {
    struct process *target;
    reply->zero = 0;
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
    foreground_name(&context->processes, caller, target->group);
    console_tell_foreground();
    if (request->goes_on != 0)
        (void)raise_for_group(target->group, PROCESS_SIGCONT, caller);
    return OK;
}

uint32_t process_serve_await_foreground(struct server_call *call,
                                        const struct process_await_foreground_request *request,
                                        struct process_await_foreground_reply *reply, struct process *caller) {
    const struct process_thread *thread = serve_thread(caller, call);
    reply->zero = 0;
    if (request->signal != PROCESS_SIGTTIN && request->signal != PROCESS_SIGTTOU)
        return P_ARGUMENT;
    if (caller->group == context->processes.foreground)
        return OK;
    bool unheard = ((caller->signals.ignored | thread->masked) & signal_bit(request->signal)) != 0;
    if (unheard || !foreground_has_session(caller) || process_group_is_orphaned(&context->processes, caller->group))
        return P_PERMISSION;
    (void)raise_for_group(caller->group, request->signal, NULL);
    return OK;
}
