#include "servers/process/serve.h"

#include "kernel/abi/system.h"
#include "libsys/fault.h"
#include "libsys/format.h"
#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/proto/init.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "libsys/transfer.h"
#include "servers/process/deliver.h"
#include "servers/process/pressure.h"

PROTOCOL_DISPATCH(process, PROCESS_OPERATIONS)

struct system served_system;
struct server served_server;
const struct protocol *const served_protocol = &process_protocol;

static struct system *const sys = &served_system;

uint32_t serve_find_target(const struct process *caller, uint64_t pid, struct process **ret_target) {
    struct process *target = process_find(&sys->processes, pid);
    if (target == NULL)
        return P_NO_PROCESS;
    if (!process_may_act(&sys->processes, caller, target))
        return P_PERMISSION;
    *ret_target = target;
    return OK;
}

uint32_t process_serve_stage(struct server_call *call, const struct process_stage_request *request,
                             struct process_stage_reply *reply) {
    struct process *caller = serve_caller(call);
    if (caller == NULL)
        return P_NO_PROCESS;
    struct stage *stage = stage_of(caller);
    uint32_t status = stage_append(sys, stage, request->offset_bytes, request->bytes, request->length_bytes);
    reply->staged_bytes = stage->length_bytes;
    return status;
}

/* Path and staged strings of a spawn or exec. */
static uint32_t collect(struct process *caller, const char *path, uint64_t length_bytes,
                        const struct process_strings *strings, struct launch_request *ret_request) {
    memset(ret_request, 0, sizeof *ret_request);
    memcpy(ret_request->path, path, length_bytes);
    ret_request->strings = *strings;
    uint32_t status = stage_collect(sys, stage_of(caller), &ret_request->length_bytes);
    bool has_zero = strnlen(path, length_bytes) != length_bytes; /* no file has such a name */
    return status == OK && has_zero ? P_NOT_FOUND : status;
}

uint32_t process_serve_spawn(struct server_call *call, const struct process_spawn_request *request,
                             struct process_spawn_reply *reply) {
    struct process *caller = serve_caller(call);
    struct launch_request launch;
    struct process *child;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (caller->halted)
        return P_INTERRUPTED; /* the child would run: not before CONT */
    uint32_t status = collect(caller, request->path, request->length_bytes, &request->strings, &launch);
    bool foreground = (request->group & PROCESS_GROUP_FOREGROUND) != 0;
    uint64_t group = request->group & ~PROCESS_GROUP_FOREGROUND;
    bool named = group != PROCESS_GROUP_SAME && group != PROCESS_GROUP_OWN;
    if (named && (group > UINT32_MAX || !process_group_is_in(&sys->processes, (uint32_t)group, caller->session)))
        return P_PERMISSION;
    if (foreground && status == OK)
        status = serve_may_name_foreground(caller);
    launch.group = (uint32_t)group;
    if (status == OK)
        status = launch_spawn(sys, caller, &launch, call->reason, &child);
    pressure_explain(sys, status, call->reason);
    if (status != OK)
        return status;
    if (foreground)
        serve_start_foreground(caller, child);
    serve_watch_time(child);
    reply->pid = child->pid;
    return OK;
}

uint32_t process_serve_exec(struct server_call *call, const struct process_exec_request *request,
                            struct process_exec_reply *reply) {
    struct thread *caller = serve_badge(call->badge);
    struct launch_request launch;
    (void)reply;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint32_t status = collect(caller->process, request->path, request->length_bytes, &request->strings, &launch);
    if (status == OK)
        status = launch_exec(sys, caller, &launch, call->reason);
    pressure_explain(sys, status, call->reason);
    return status == OK ? SERVER_DEFERRED : status; /* the program that called is gone: there is nobody to answer */
}

bool serve_answer(struct thread *thread, uint32_t status, const void *reply) {
    enum thread_wait waits = thread->waits;
    cap_t answer = thread->answer;
    if (waits == THREAD_WAITS_WORD)
        list_remove(&thread->in_words);
    thread->waits = THREAD_RUNS;
    thread->answer = 0;
    wakes_set(&sys->processes.wakes, &thread->wake, DEADLINE_NEVER);
    return server_answer(&served_server, answer, waits, status, reply);
}

void serve_look_for_children(struct process *parent) {
    struct process *child;
    for (struct thread *at = thread_next(parent, NULL); at != NULL; at = thread_next(parent, at)) {
        if (at->waits != THREAD_WAITS)
            continue;
        struct process_wait_reply told = {0};
        uint32_t status = process_find_news(&sys->processes, parent, at->wait_for, at->wait_flags, &child);
        if (status == OK)
            told = process_tell(&sys->processes, child);
        if (status != E_TIMEOUT)
            serve_answer(at, status, &told);
    }
}

void serve_tell_parent(struct process *process) {
    struct process *parent = process_parent(&sys->processes, process);
    process->untold = false;
    if (parent == NULL)
        return; /* it has ended meanwhile */
    deliver_raise(parent, PROCESS_SIGCHLD, process->pid);
    if (process->ended && (parent->signals.ignored & signal_bit(PROCESS_SIGCHLD)) != 0)
        process_forget(&sys->processes, process);
    serve_look_for_children(parent);
}

/* Process 1 is what the machine runs for: without it there is nothing more to do. */
static void first_ended(const struct process_wait_reply *end) {
    uint64_t status = end->end == PROCESS_EXITED ? end->value : 128 + end->value;
    log_print("process: process 1 %s %lu: switching off", end->end == PROCESS_EXITED ? "exited with" : "was killed by",
              end->value);
    struct init_power_off_request request = {status & 0xff};
    struct init_power_off_reply reply;
    uint32_t failed = sys->caps.init != 0 ? init_power_off(sys->caps.init, &request, &reply, NULL) : P_NO_CAPABILITY;
    log_print("process: can't switch off: %s", status_text(failed));
}

void serve_end_process(struct process *process, const struct process_wait_reply *end) {
    bool first = process->pid == PROCESS_FIRST;
    uint32_t numbers = process->living;
    stage_forget(sys, stage_of(process));
    body_destroy(sys, process);
    for (; numbers != 0; numbers &= numbers - 1) { /* now that no thread can come back from its call */
        const struct thread *thread = thread_at(process, (uint32_t)__builtin_ctz(numbers));
        if (thread->answer != 0)
            server_forget(thread->answer);
    }
    process_end(&sys->processes, process, end);
    serve_tell_console(); /* before the parent, which may want to read there */
    if (first)
        first_ended(end);
}

uint32_t process_serve_exit(struct server_call *call, const struct process_exit_request *request,
                            struct process_exit_reply *reply) {
    struct process *caller = serve_caller(call);
    (void)reply;
    if (caller == NULL)
        return P_NO_PROCESS;
    struct process_wait_reply end = {.end = PROCESS_EXITED, .value = request->code & 0xff};
    serve_end_process(caller, &end);
    return SERVER_DEFERRED; /* nobody is there to answer */
}

uint32_t serve_defer(struct thread *caller, enum thread_wait waits) {
    if (caller->answer != 0)
        return P_BUSY;
    caller->answer = server_defer();
    if (caller->answer == 0)
        return P_LIMIT;
    caller->waits = (uint16_t)waits;
    return SERVER_DEFERRED;
}

void serve_set_wake(struct wake *wake, uint64_t duration_ns) {
    wakes_set(&sys->processes.wakes, wake, program_time_in(duration_ns));
}

uint32_t process_serve_wait(struct server_call *call, const struct process_wait_request *request,
                            struct process_wait_reply *reply) {
    struct thread *caller = serve_badge(call->badge);
    struct process *child;
    if (caller == NULL)
        return P_NO_PROCESS;
    if ((request->flags & ~(uint64_t)(PROCESS_WAIT_NO_HANG | PROCESS_WAIT_STOPPED | PROCESS_WAIT_CONTINUED)) != 0)
        return P_ARGUMENT;
    uint32_t status = process_find_news(&sys->processes, caller->process, request->pid, request->flags, &child);
    if (status == OK)
        *reply = process_tell(&sys->processes, child);
    if (status != E_TIMEOUT || (request->flags & PROCESS_WAIT_NO_HANG) != 0)
        return status;
    status = serve_defer(caller, THREAD_WAITS);
    if (status == SERVER_DEFERRED) { /* else one that waits already goes on as it did */
        caller->wait_for = request->pid;
        caller->wait_flags = (uint32_t)request->flags;
    }
    return status;
}

uint32_t process_serve_sleep(struct server_call *call, const struct process_sleep_request *request,
                             struct process_sleep_reply *reply) {
    struct thread *caller = serve_badge(call->badge);
    (void)reply;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint32_t status = serve_defer(caller, THREAD_SLEEPS);
    if (status == SERVER_DEFERRED)
        wakes_set(&sys->processes.wakes, &caller->wake, request->until_ns);
    return status;
}

uint32_t process_serve_kill(struct server_call *call, const struct process_kill_request *request,
                            struct process_kill_reply *reply) {
    const struct process *caller = serve_caller(call);
    reply->zero = 0;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (request->signal > PROCESS_SIGNAL_MAX)
        return P_ARGUMENT;
    if (PROCESS_NAMES_GROUP(request->pid)) {
        uint32_t group = (uint32_t)request->pid;
        if (deliver_raise_group(group, request->signal, caller) > 0)
            return OK;
        return process_group_exists(&sys->processes, group) ? P_PERMISSION : P_NO_PROCESS;
    }
    struct process *target = process_find(&sys->processes, request->pid);
    if (target == NULL)
        return P_NO_PROCESS;
    if (!process_may_signal(&sys->processes, caller, target))
        return P_PERMISSION;
    deliver_raise(target, request->signal, caller->pid);
    return OK;
}

uint32_t process_serve_get_pid(struct server_call *call, const struct process_get_pid_request *request,
                               struct process_get_pid_reply *reply) {
    const struct process *caller = serve_caller(call);
    (void)request;
    if (caller == NULL)
        return P_NO_PROCESS;
    *reply = (struct process_get_pid_reply){caller->pid, caller->parent};
    return OK;
}

uint32_t process_serve_list(struct server_call *call, const struct process_list_request *request,
                            struct process_list_reply *reply) {
    (void)call;
    struct process *process = process_find_from(&sys->processes, request->pid);
    if (process == NULL)
        return P_END;
    *reply = (struct process_list_reply){
        .pid = process->pid,
        .parent = process->parent,
        .state = process_state(process),
        .memory_pages = body_page_count(process),
        .cpu_time_ns = serve_time_ns(process),
        .threads = (uint64_t)__builtin_popcount(process->living),
        .nice = process->nice,
    };
    memcpy(reply->name, process->name, sizeof reply->name);
    return OK;
}

uint32_t process_serve_memory(struct server_call *call, const struct process_memory_request *request,
                              struct process_memory_reply *reply) {
    (void)call;
    (void)request;
    *reply = (struct process_memory_reply){
        .frames_managed = sys->frames.managed_count,
        .frames_free = sys->frames.free_count + store_spare_count(&sys->store),
        .own_pool_bytes = sys_system_info(INFO_POOL_BYTES, sys->caps.pool).value,
        .own_pool_used = sys_system_info(INFO_POOL_USED, sys->caps.pool).value,
        .slots_used = program.slots.used_count,
        .kernel_capabilities = sys_system_info(INFO_CAPABILITIES, 0).value,
        .kernel_frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value,
        .mapped_frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value,
        .process_count = sys->processes.count,
    };
    return OK;
}
