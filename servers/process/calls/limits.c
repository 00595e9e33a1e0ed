/*
 * Handlers of the operations on limits and nice values.
 */
#include "servers/process/calls/serve.h"
#include "servers/process/delivery/time_limit.h"
#include "servers/process/memory/mappings.h"

static struct server_context *const context = &served_context;

static uint64_t used(struct process *process, uint64_t limit) {
    switch ((enum process_limit)limit) {
    case PROCESS_LIMIT_MEMORY:
        return mappings_page_count(&objects_of(process)->incarnation) * PAGE_BYTES;
    case PROCESS_LIMIT_PROCESSES:
        return context->processes.accounts.entries[process->account].count;
    case PROCESS_LIMIT_THREADS:
        return (uint64_t)__builtin_popcount(process->living | process->joinable);
    case PROCESS_LIMIT_TIME:
        return time_used_ns(process);
    case PROCESS_LIMITS:
        break;
    }
    return 0;
}

uint32_t process_serve_get_limit(struct server_call *, const struct process_get_limit_request *request,
                                 struct process_get_limit_reply *reply, struct process *caller) {
    struct process *target;
    uint32_t status = serve_find_target(caller, request->pid == 0 ? caller->pid : request->pid, &target);
    if (status != OK)
        return status;
    if (request->limit >= PROCESS_LIMITS)
        return P_ARGUMENT;
    if (target->ended)
        return P_NO_PROCESS;
    *reply = (struct process_get_limit_reply){target->limits.now[request->limit], target->limits.most[request->limit],
                                              used(target, request->limit)};
    return OK;
}

uint32_t process_serve_set_limit(struct server_call *, const struct process_set_limit_request *request,
                                 struct process_set_limit_reply *reply, struct process *caller) {
    reply->zero = 0;
    if (request->limit >= PROCESS_LIMITS || request->now > request->most)
        return P_ARGUMENT;
    if (request->most > caller->limits.most[request->limit] && caller->pid != PROCESS_FIRST)
        return P_PERMISSION;
    if (request->limit == PROCESS_LIMIT_PROCESSES) {
        uint32_t status = accounts_limit(&context->processes.accounts, &caller->account, caller->pid, request->now);
        if (status != OK)
            return status;
    }
    JOURNAL_SET(caller->limits.now[request->limit], request->now);
    JOURNAL_SET(caller->limits.most[request->limit], request->most);
    objects_of(caller)->incarnation.pages_max = mappings_pages_max(&caller->limits);
    time_limit_watch(caller);
    return OK;
}

uint32_t process_serve_set_nice(struct server_call *, const struct process_set_nice_request *request,
                                struct process_set_nice_reply *reply, struct process *caller) {
    struct process *target;
    uint32_t status = serve_find_target(caller, request->pid == 0 ? caller->pid : request->pid, &target);
    if (status != OK)
        return status;
    reply->nice = target->nice;
    if (request->nice == PROCESS_NICE_KEEP)
        return OK;
    if (request->nice > PROCESS_NICE_MAX)
        return P_ARGUMENT;
    if (request->nice < target->nice && caller->pid != PROCESS_FIRST)
        return P_PERMISSION;
    JOURNAL_SET(target->nice, (uint8_t)request->nice);
    for (struct process_thread *thread = thread_next(target, NULL); status == OK && thread != NULL;
         thread = thread_next(target, thread))
        status = objects_set_priority(context, thread);
    return status;
}
