#include "servers/process/calls/serve.h"

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "servers/process/delivery/raise.h"
#include "servers/process/delivery/time_limit.h"
#include "servers/process/ending/ending.h"
#include "servers/process/memory/pressure.h"

PROTOCOL_TABLE(process, PROCESS_OPERATIONS)

#define CALL_CASE(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    case number:                                                                             \
        return proto##_serve_##name(call, request, reply, caller);

static uint32_t dispatch(struct server_call *call, const void *request, void *reply) {
    struct process *caller = serve_badge_process(call->badge);
    if (caller == NULL)
        return P_NO_PROCESS;
    switch (call->operation) {
        PROCESS_OPERATIONS(CALL_CASE)
    default:
        return P_OPERATION;
    }
}

const struct protocol served_protocol = {"process", process_operations,
                                         sizeof process_operations / sizeof process_operations[0], dispatch};

static struct server_context *const context = &served_context;

uint32_t serve_find_target(const struct process *caller, uint64_t pid, struct process **ret_target) {
    struct process *target = process_find(&context->processes, pid);
    if (target == NULL)
        return P_NO_PROCESS;
    if (!process_may_act(&context->processes, caller, target))
        return P_PERMISSION;
    *ret_target = target;
    return OK;
}

uint32_t process_serve_stage(struct server_call *, const struct process_stage_request *request,
                             struct process_stage_reply *reply, struct process *caller) {
    struct staged_strings *staged = staged_of(caller);
    uint32_t status =
        staged_strings_append(context, staged, request->offset_bytes, request->bytes, request->length_bytes);
    reply->staged_bytes = staged->length_bytes;
    return status;
}

/* Collect path and staged strings of a spawn or exec. */
static uint32_t collect(struct process *caller, const char *path, uint64_t length_bytes,
                        const struct process_strings *strings, struct launch_request *ret_request) {
    memset(ret_request, 0, sizeof *ret_request);
    memcpy(ret_request->path, path, length_bytes);
    ret_request->strings = *strings;
    uint32_t status = staged_strings_collect(context, staged_of(caller), &ret_request->length_bytes);
    bool has_zero = strnlen(path, length_bytes) != length_bytes; /* no file has a zero in its name */
    return status == OK && has_zero ? P_NOT_FOUND : status;
}

static uint32_t spawn(struct server_call *call, const struct process_spawn_request *request,
                      struct process_spawn_reply *reply, struct process *caller) {
    struct launch_request launch;
    struct process *child;
    uint32_t status = collect(caller, request->path, request->length_bytes, &request->strings, &launch);
    bool foreground = (request->group & PROCESS_GROUP_FOREGROUND) != 0;
    uint64_t group = request->group & ~PROCESS_GROUP_FOREGROUND;
    bool named = group != PROCESS_GROUP_SAME && group != PROCESS_GROUP_OWN;
    if (named && (group > UINT32_MAX || !process_group_is_in(&context->processes, (uint32_t)group, caller->session)))
        return P_PERMISSION;
    if (foreground && status == OK)
        status = serve_may_name_foreground(caller);
    launch.group = (uint32_t)group;
    if (status == OK)
        status = launch_spawn(context, caller, &launch, call->reason, &child);
    pressure_explain(context, status, call->reason);
    if (status != OK)
        return status;
    if (foreground)
        serve_start_foreground(caller, child);
    time_limit_watch(child);
    reply->pid = child->pid;
    return OK;
}

uint32_t process_serve_spawn(struct server_call *call, const struct process_spawn_request *request,
                             struct process_spawn_reply *reply, struct process *caller) {
    if (caller->halted)
        return P_INTERRUPTED; /* a stopped process must not make a child that runs: it asks again after CONT */
    uint32_t status = spawn(call, request, reply, caller);
    staged_strings_forget(context, staged_of(caller));
    return status;
}

uint32_t process_serve_exec(struct server_call *call, const struct process_exec_request *request,
                            struct process_exec_reply *, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    struct launch_request launch;
    uint32_t status = collect(caller, request->path, request->length_bytes, &request->strings, &launch);
    if (status == OK)
        status = launch_exec(context, thread, &launch, call->reason);
    if (status == OK)
        return SERVER_DEFERRED; /* the program that called is gone: no thread waits */
    staged_strings_forget(context, staged_of(caller));
    pressure_explain(context, status, call->reason);
    return status;
}

uint32_t process_serve_exit(struct server_call *, const struct process_exit_request *request,
                            struct process_exit_reply *, struct process *caller) {
    struct process_wait_reply end = {.end = PROCESS_EXITED, .value = request->code & 0xff};
    end_process(caller, &end);
    return SERVER_DEFERRED; /* no thread is left to answer */
}

uint32_t process_serve_wait(struct server_call *call, const struct process_wait_request *request,
                            struct process_wait_reply *reply, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    struct process *child;
    if ((request->flags & ~(uint64_t)(PROCESS_WAIT_NO_HANG | PROCESS_WAIT_STOPPED | PROCESS_WAIT_CONTINUED)) != 0)
        return P_ARGUMENT;
    uint32_t status = process_find_news(&context->processes, caller, request->pid, request->flags, &child);
    if (status == OK)
        *reply = process_tell(&context->processes, child);
    if (status != E_TIMEOUT || (request->flags & PROCESS_WAIT_NO_HANG) != 0)
        return status;
    const struct answer_wait wait = {THREAD_WAITS, (uint32_t)request->flags, request->pid, DEADLINE_NEVER};
    return answer_defer(thread, &wait);
}

uint32_t process_serve_sleep(struct server_call *call, const struct process_sleep_request *request,
                             struct process_sleep_reply *, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    const struct answer_wait wait = {.waits = THREAD_SLEEPS, .until_ns = request->until_ns};
    return answer_defer(thread, &wait);
}

uint32_t process_serve_kill(struct server_call *, const struct process_kill_request *request,
                            struct process_kill_reply *reply, struct process *caller) {
    reply->zero = 0;
    if (request->signal > PROCESS_SIGNAL_MAX)
        return P_ARGUMENT;
    if (PROCESS_NAMES_GROUP(request->pid)) {
        uint32_t group = (uint32_t)request->pid;
        if (raise_for_group(group, request->signal, caller) > 0)
            return OK;
        return process_group_exists(&context->processes, group) ? P_PERMISSION : P_NO_PROCESS;
    }
    struct process *target = process_find(&context->processes, request->pid);
    if (target == NULL)
        return P_NO_PROCESS;
    if (!process_may_signal(&context->processes, caller, target))
        return P_PERMISSION;
    raise_for_process(target, request->signal, caller->pid);
    return OK;
}

uint32_t process_serve_get_pid(struct server_call *, const struct process_get_pid_request *,
                               struct process_get_pid_reply *reply, struct process *caller) {
    *reply = (struct process_get_pid_reply){caller->pid, caller->parent};
    return OK;
}

uint32_t process_serve_list(struct server_call *, const struct process_list_request *request,
                            struct process_list_reply *reply, struct process *) {
    struct process *process = process_find_from(&context->processes, request->pid);
    if (process == NULL)
        return P_END;
    *reply = (struct process_list_reply){
        .pid = process->pid,
        .parent = process->parent,
        .state = process_state(process),
        .memory_pages = objects_page_count(process),
        .cpu_time_ns = time_used_ns(process),
        .threads = (uint64_t)__builtin_popcount(process->living),
        .nice = process->nice,
    };
    memcpy(reply->name, process->name, sizeof reply->name);
    return OK;
}

uint32_t process_serve_memory(struct server_call *, const struct process_memory_request *,
                              struct process_memory_reply *reply, struct process *) {
    *reply = (struct process_memory_reply){
        .frames_managed = context->frames.managed_count,
        .frames_free = context->frames.free_count + page_allocator_spare_count(&context->allocator),
        .own_pool_bytes = sys_system_info(INFO_POOL_BYTES, context->caps.pool).value,
        .own_pool_used = sys_system_info(INFO_POOL_USED, context->caps.pool).value,
        .slots_used = program.slots.used_count,
        .kernel_capabilities = sys_system_info(INFO_CAPABILITIES, 0).value,
        .kernel_frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value,
        .mapped_frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value - page_allocator_spare_count(&context->allocator),
        .process_count = context->processes.count,
    };
    return OK;
}
