#include "servers/process/serve.h"

#include "kernel/abi/system.h"
#include "libsys/fault.h"
#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/proto/init.h"
#include "libsys/string.h"
#include "libsys/text.h"

PROTOCOL_SERVER(process, PROCESS_OPERATIONS)

enum operation {
    OPERATION_WAIT = 6,
    OPERATION_SLEEP = 13,
};

struct system served_system;
struct server served_server;
const struct protocol *const served_protocol = &process_protocol;

static struct system *const sys = &served_system;

/* The process a call comes from. NULL: the badge is not one of a living process. */
static struct process *caller_of(const struct server_call *call) {
    struct process *caller = process_find(&sys->processes, call->badge);
    return caller != NULL && caller->state != PROCESS_ENDED ? caller : NULL;
}

/* The process that `pid` names, for a caller who wants to do something to it. Errors: P_NO_PROCESS; P_PERMISSION. */
static uint32_t find_target(const struct process *caller, uint64_t pid, struct process **ret_target) {
    struct process *target = process_find(&sys->processes, pid);
    if (target == NULL)
        return P_NO_PROCESS;
    if (!process_may_act(&sys->processes, caller, target))
        return P_PERMISSION;
    *ret_target = target;
    return OK;
}

static uint32_t process_serve_stage(struct server_call *call, const struct process_stage_request *request,
                                    struct process_stage_reply *reply) {
    struct process *caller = caller_of(call);
    if (caller == NULL)
        return P_NO_PROCESS;
    struct stage *stage = system_stage(sys, caller);
    uint32_t status = stage_append(sys, stage, request->offset_bytes, request->bytes, request->length_bytes);
    reply->staged_bytes = stage->length_bytes;
    return status;
}

static uint32_t process_serve_give(struct server_call *call, const struct process_give_request *request,
                                   struct process_give_reply *reply) {
    struct process *caller = caller_of(call);
    reply->zero = 0;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (!bag_name_is_valid(request->name, sizeof request->name))
        return P_ARGUMENT;
    uint32_t status = body_give(system_body(sys, caller), request->name, call->caps[0]);
    if (status == OK)
        call->caps[0] = 0; /* the bag has the slot now */
    return status;
}

/* Path and staged strings of a spawn or exec. */
static uint32_t collect(const struct process *caller, const char *path, uint64_t length_bytes,
                        const struct process_strings *strings, struct launch_request *ret_request) {
    memset(ret_request, 0, sizeof *ret_request);
    memcpy(ret_request->path, path, length_bytes);
    ret_request->strings = *strings;
    return stage_collect(sys, system_stage(sys, caller), &ret_request->length_bytes);
}

static uint32_t process_serve_spawn(struct server_call *call, const struct process_spawn_request *request,
                                    struct process_spawn_reply *reply) {
    struct process *caller = caller_of(call);
    struct launch_request launch;
    struct process *child;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint32_t status = collect(caller, request->path, request->length_bytes, &request->strings, &launch);
    if (status == OK)
        status = launch_spawn(sys, caller->pid, &system_body(sys, caller)->bag, &launch, call->reason, &child);
    if (status == OK)
        reply->pid = child->pid;
    return status;
}

static uint32_t process_serve_exec(struct server_call *call, const struct process_exec_request *request,
                                   struct process_exec_reply *reply) {
    struct process *caller = caller_of(call);
    struct launch_request launch;
    (void)reply;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint32_t status = collect(caller, request->path, request->length_bytes, &request->strings, &launch);
    if (status == OK)
        status = launch_exec(sys, caller, &launch, call->reason);
    return status == OK ? SERVER_DEFERRED : status; /* the program that called is gone: there is nobody to answer */
}

/* Tell a process that waited about its child, and forget the child. */
static void tell_end(struct process *parent, struct process *child) {
    cap_t answer = parent->answer;
    parent->answer = 0;
    (void)server_answer(&served_server, answer, OPERATION_WAIT, OK, &child->end); /* it may be gone */
    process_forget(&sys->processes, child);
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

/* The end of a process: all it was made of goes at once, what its parent will be told stays. */
static void end_process(struct process *process, const struct process_wait_reply *end) {
    bool first = process->pid == PROCESS_FIRST;
    if (process->answer != 0)
        server_forget(process->answer);
    process->answer = 0;
    stage_forget(sys, system_stage(sys, process));
    body_destroy(sys, system_body(sys, process));
    struct process *parent = process_end(&sys->processes, process, end);
    if (parent != NULL)
        tell_end(parent, process);
    if (first)
        first_ended(end);
}

static uint32_t process_serve_exit(struct server_call *call, const struct process_exit_request *request,
                                   struct process_exit_reply *reply) {
    struct process *caller = caller_of(call);
    (void)reply;
    if (caller == NULL)
        return P_NO_PROCESS;
    struct process_wait_reply end = {.end = PROCESS_EXITED, .value = request->code & 0xff};
    end_process(caller, &end);
    return SERVER_DEFERRED; /* nobody is there to answer */
}

/* Put the answer to a wait or sleep off. Errors: P_BUSY; P_LIMIT no slot is free. */
static uint32_t defer(struct process *caller, enum process_state state) {
    if (caller->answer != 0)
        return P_BUSY;
    caller->answer = server_defer();
    if (caller->answer == 0)
        return P_LIMIT;
    caller->state = state;
    return SERVER_DEFERRED;
}

static uint32_t process_serve_wait(struct server_call *call, const struct process_wait_request *request,
                                   struct process_wait_reply *reply) {
    struct process *caller = caller_of(call);
    struct process *child;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (request->no_hang > 1)
        return P_ARGUMENT;
    uint32_t status = process_find_ended(&sys->processes, caller, request->pid, &child);
    if (status == OK) {
        *reply = child->end;
        process_forget(&sys->processes, child);
    }
    if (status != E_TIMEOUT || request->no_hang == 1)
        return status;
    caller->wait_pid = request->pid;
    return defer(caller, PROCESS_WAITING);
}

static uint32_t process_serve_sleep(struct server_call *call, const struct process_sleep_request *request,
                                    struct process_sleep_reply *reply) {
    struct process *caller = caller_of(call);
    (void)reply;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint64_t now_ns = sys_clock_read().value;
    bool endless = request->duration_ns >= DEADLINE_NEVER - now_ns;
    caller->wake_ns = endless ? DEADLINE_NEVER : now_ns + request->duration_ns;
    return defer(caller, PROCESS_SLEEPING);
}

static uint32_t process_serve_kill(struct server_call *call, const struct process_kill_request *request,
                                   struct process_kill_reply *reply) {
    struct process *caller = caller_of(call);
    struct process *target;
    reply->zero = 0;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (request->signal > PROCESS_SIGNAL_MAX)
        return P_ARGUMENT;
    uint32_t status = find_target(caller, request->pid, &target);
    if (status == OK && target->pid == PROCESS_FIRST)
        status = P_PERMISSION;
    if (status != OK || request->signal == 0 || target->state == PROCESS_ENDED)
        return status;
    struct process_wait_reply end = {.end = PROCESS_KILLED, .value = request->signal};
    end_process(target, &end);
    return target == caller ? SERVER_DEFERRED : OK; /* of itself nobody is there to answer */
}

static uint32_t process_serve_get_pid(struct server_call *call, const struct process_get_pid_request *request,
                                      struct process_get_pid_reply *reply) {
    const struct process *caller = caller_of(call);
    (void)request;
    if (caller == NULL)
        return P_NO_PROCESS;
    *reply = (struct process_get_pid_reply){caller->pid, caller->parent};
    return OK;
}

static uint32_t process_serve_set_foreground(struct server_call *call,
                                             const struct process_set_foreground_request *request,
                                             struct process_set_foreground_reply *reply) {
    struct process *caller = caller_of(call);
    struct process *target;
    reply->zero = 0;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint64_t pid = request->pid != 0 ? request->pid : sys->processes.foreground;
    if (pid == 0)
        return OK; /* there is none, as was asked for */
    uint32_t status = find_target(caller, pid, &target);
    if (status == OK && request->pid != 0 && target->state == PROCESS_ENDED)
        status = P_NO_PROCESS;
    if (status == OK)
        sys->processes.foreground = (uint32_t)request->pid;
    return status;
}

static uint64_t cpu_time_ns(const struct body *body) {
    struct thread_state state;
    if (body->thread == 0 || sys_thread_read(body->thread).status != OK)
        return 0;
    memcpy(&state, program.message->data, sizeof state);
    return state.cpu_time_ns;
}

static uint32_t process_serve_list(struct server_call *call, const struct process_list_request *request,
                                   struct process_list_reply *reply) {
    (void)call;
    const struct process *process = process_find_from(&sys->processes, request->pid);
    if (process == NULL)
        return P_END;
    const struct body *body = system_body(sys, process);
    *reply = (struct process_list_reply){
        .pid = process->pid,
        .parent = process->parent,
        .state = process->state,
        .memory_pages = body_page_count(body),
        .cpu_time_ns = cpu_time_ns(body),
    };
    memcpy(reply->name, process->name, sizeof reply->name);
    return OK;
}

static uint32_t process_serve_memory(struct server_call *call, const struct process_memory_request *request,
                                     struct process_memory_reply *reply) {
    (void)call;
    (void)request;
    *reply = (struct process_memory_reply){
        .frames_managed = sys->frames.managed_count,
        .frames_free = sys->frames.free_count,
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

_Static_assert((int)PROCESS_MAP_FILE == IMAGE_FILE && (int)PROCESS_MAP_PRIVATE == IMAGE_PRIVATE &&
                   (int)PROCESS_MAP_STACK == IMAGE_STACK && (int)PROCESS_MAP_MESSAGE == IMAGE_MESSAGE,
               "the protocol's kinds are the image's");

/* Is `next` the same mapping, going on? Pieces may be several where memory was scattered. */
static bool continues(const struct process_maps_reply *map, const struct image_piece *next) {
    return map->at + map->page_count * PAGE_BYTES == next->at && map->rights == next->rights && map->kind == next->kind;
}

static uint32_t process_serve_maps(struct server_call *call, const struct process_maps_request *request,
                                   struct process_maps_reply *reply) {
    struct process *caller = caller_of(call);
    struct process *target;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint32_t status = find_target(caller, request->pid == 0 ? caller->pid : request->pid, &target);
    if (status != OK)
        return status;
    const struct image *image = &system_body(sys, target)->incarnation.image;
    uint64_t index = 0;
    for (uint32_t i = 0; i < image->piece_count; index++) {
        const struct image_piece *piece = &image->pieces[i++];
        *reply = (struct process_maps_reply){piece->at, piece->page_count, piece->rights, piece->kind};
        for (; i < image->piece_count && continues(reply, &image->pieces[i]); i++)
            reply->page_count += image->pieces[i].page_count;
        if (index == request->index)
            return OK;
    }
    return P_END;
}

static uint64_t signal_of(uint64_t fault_kind) {
    switch ((enum fault_kind)fault_kind) {
    case FAULT_INSTRUCTION:
    case FAULT_SYSCALL:
        return PROCESS_SIGILL;
    case FAULT_DIVIDE:
    case FAULT_FLOAT:
        return PROCESS_SIGFPE;
    case FAULT_BREAKPOINT:
    case FAULT_STEP:
        return PROCESS_SIGTRAP;
    case FAULT_ALIGNMENT:
        return PROCESS_SIGBUS;
    case FAULT_PAGE:
    case FAULT_PROTECTION:
    case FAULT_OVERFLOW:
        break;
    }
    return PROCESS_SIGSEGV;
}

void serve_fault(const struct server_event *event) {
    struct fault_message fault;
    struct process *process = process_find(&sys->processes, event->badge & ~BODY_FAULT_BADGE);
    fault_from_event(event, &fault);
    if (process == NULL || process->state == PROCESS_ENDED)
        return;
    char name[PROCESS_NAME_MAX + 16];
    (void)format_into(name, sizeof name, "process %u (%s)", process->pid, process->name);
    fault_log(name, &fault);
    struct process_wait_reply end = {
        .end = PROCESS_KILLED,
        .value = signal_of(fault.kind),
        .fault = fault.kind,
        .address = fault.address,
        .rip = fault.rip,
    };
    end_process(process, &end); /* and with its thread the right to answer */
}

static void wake_sleepers(void) {
    struct process_sleep_reply reply = {sys_clock_read().value};
    for (;;) {
        struct process *process = process_find_due(&sys->processes, reply.now_ns);
        if (process == NULL)
            return;
        process->state = PROCESS_RUNNING;
        (void)server_answer(&served_server, process->answer, OPERATION_SLEEP, OK, &reply); /* if it is gone, so be it */
        process->answer = 0;
    }
}

static uint64_t timer_ns = DEADLINE_NEVER; /* when the timer will go off */

void serve_events(uint64_t bits) {
    struct process *process = process_find(&sys->processes, sys->processes.foreground);
    if ((bits & EVENT_INTERRUPT) != 0 && process != NULL && process->state != PROCESS_ENDED) {
        struct process_wait_reply end = {.end = PROCESS_KILLED, .value = PROCESS_SIGINT};
        end_process(process, &end);
    }
    if ((bits & EVENT_TIMER) != 0) {
        timer_ns = DEADLINE_NEVER;
        wake_sleepers();
    }
}

void serve_set_timer(void) {
    uint64_t next_ns = process_next_wake(&sys->processes);
    if (next_ns == timer_ns)
        return;
    timer_ns = next_ns;
    (void)sys_signal_timer(sys->caps.events, EVENT_TIMER, next_ns); /* main has tried that this can be done */
}
