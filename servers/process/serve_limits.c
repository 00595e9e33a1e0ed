/*
 * Handlers of the operations on limits and nice values, and the watch over the time that processes use.
 */
#include "kernel/abi/thread.h"
#include "libsys/program.h"
#include "libsys/string.h"
#include "servers/process/deliver.h"
#include "servers/process/memory.h"
#include "servers/process/serve.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

static struct system *const sys = &served_system;

uint64_t serve_time_ns(struct process *process) {
    uint64_t time_ns = process->past_time_ns;
    for (struct thread *thread = thread_next(process, NULL); thread != NULL; thread = thread_next(process, thread))
        time_ns += body_thread_time_ns(thread);
    return time_ns;
}

/* When a process that has used `used_ns` can have used `limit_ns` at the earliest: its threads may run side by side. */
static uint64_t time_left_ns(const struct process *process, uint64_t used_ns, uint64_t limit_ns) {
    uint64_t left_ns = (limit_ns - used_ns) / (uint64_t)__builtin_popcount(process->living);
    return left_ns > NS_PER_MS ? left_ns : NS_PER_MS;
}

void serve_watch_time(struct process *process) {
    uint64_t now_ns = process->limits.now[PROCESS_LIMIT_TIME], most_ns = process->limits.most[PROCESS_LIMIT_TIME];
    uint64_t limit_ns = now_ns < most_ns ? now_ns : most_ns;
    if (limit_ns == PROCESS_UNLIMITED || process->ended)
        return;
    uint64_t used_ns = serve_time_ns(process);
    if (used_ns >= most_ns)
        deliver_raise(process, PROCESS_SIGKILL, 0);
    else if (used_ns >= now_ns)
        deliver_raise(process, PROCESS_SIGXCPU, 0);
    uint64_t next_ns = used_ns < now_ns ? now_ns : used_ns + NS_PER_S < most_ns ? used_ns + NS_PER_S : most_ns;
    serve_set_wake(&process->time_limit, used_ns < next_ns ? time_left_ns(process, used_ns, next_ns) : DEADLINE_NEVER);
}

static uint64_t used(struct process *process, uint64_t limit) {
    switch ((enum process_limit)limit) {
    case PROCESS_LIMIT_MEMORY:
        return memory_page_count(&body_of(process)->incarnation) * PAGE_BYTES;
    case PROCESS_LIMIT_PROCESSES:
        return sys->processes.accounts.entries[process->account].count;
    case PROCESS_LIMIT_THREADS:
        return (uint64_t)__builtin_popcount(process->living | process->joinable);
    case PROCESS_LIMIT_TIME:
        return serve_time_ns(process);
    case PROCESS_LIMITS:
        break;
    }
    return 0;
}

uint32_t process_serve_get_limit(struct server_call *call, const struct process_get_limit_request *request,
                                 struct process_get_limit_reply *reply) {
    struct process *caller = serve_caller(call), *target;
    if (caller == NULL)
        return P_NO_PROCESS;
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

uint32_t process_serve_set_limit(struct server_call *call, const struct process_set_limit_request *request,
                                 struct process_set_limit_reply *reply) {
    struct process *caller = serve_caller(call);
    reply->zero = 0;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (request->limit >= PROCESS_LIMITS || request->now > request->most)
        return P_ARGUMENT;
    if (request->most > caller->limits.most[request->limit] && caller->pid != PROCESS_FIRST)
        return P_PERMISSION;
    if (request->limit == PROCESS_LIMIT_PROCESSES) {
        uint32_t status = accounts_limit(&sys->processes.accounts, &caller->account, caller->pid, request->now);
        if (status != OK)
            return status;
    }
    caller->limits.now[request->limit] = request->now;
    caller->limits.most[request->limit] = request->most;
    body_of(caller)->incarnation.pages_max = memory_pages_max(&caller->limits);
    serve_watch_time(caller);
    return OK;
}

uint32_t process_serve_set_nice(struct server_call *call, const struct process_set_nice_request *request,
                                struct process_set_nice_reply *reply) {
    struct process *caller = serve_caller(call), *target;
    if (caller == NULL)
        return P_NO_PROCESS;
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
    target->nice = (uint8_t)request->nice;
    for (struct thread *thread = thread_next(target, NULL); status == OK && thread != NULL;
         thread = thread_next(target, thread))
        status = body_set_priority(sys, thread);
    return status;
}
