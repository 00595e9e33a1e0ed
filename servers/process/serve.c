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

PROTOCOL_DISPATCH(process, PROCESS_OPERATIONS)

enum operation {
    OPERATION_WAIT = 6,
    OPERATION_SLEEP = 13,
    OPERATION_SIGNAL_WAIT = 24,
};

struct system served_system;
struct server served_server;
const struct protocol *const served_protocol = &process_protocol;

static struct system *const sys = &served_system;

struct process *serve_caller(const struct server_call *call) {
    struct process *caller = process_find(&sys->processes, call->badge);
    return caller != NULL && caller->state != PROCESS_ENDED ? caller : NULL;
}

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
    struct stage *stage = system_stage(sys, caller);
    uint32_t status = stage_append(sys, stage, request->offset_bytes, request->bytes, request->length_bytes);
    reply->staged_bytes = stage->length_bytes;
    return status;
}

uint32_t process_serve_give(struct server_call *call, const struct process_give_request *request,
                            struct process_give_reply *reply) {
    struct process *caller = serve_caller(call);
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
    uint32_t status = stage_collect(sys, system_stage(sys, caller), &ret_request->length_bytes);
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
    uint32_t status = collect(caller, request->path, request->length_bytes, &request->strings, &launch);
    bool named = request->group != PROCESS_GROUP_SAME && request->group != PROCESS_GROUP_OWN;
    if (named && (request->group > UINT32_MAX ||
                  !process_group_is_in(&sys->processes, (uint32_t)request->group, caller->session)))
        return P_PERMISSION;
    if (status == OK)
        status = launch_spawn(sys, caller->pid, &system_body(sys, caller)->bag, &launch, call->reason, &child);
    if (status != OK)
        return status;
    if (request->group != PROCESS_GROUP_SAME)
        child->group = named ? (uint32_t)request->group : child->pid;
    reply->pid = child->pid;
    return OK;
}

uint32_t process_serve_exec(struct server_call *call, const struct process_exec_request *request,
                            struct process_exec_reply *reply) {
    struct process *caller = serve_caller(call);
    struct launch_request launch;
    (void)reply;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint32_t status = collect(caller, request->path, request->length_bytes, &request->strings, &launch);
    if (status == OK)
        status = launch_exec(sys, caller, &launch, call->reason);
    return status == OK ? SERVER_DEFERRED : status; /* the program that called is gone: there is nobody to answer */
}

/* Tell a process that waited about its child; if the child has ended, forget it. */
static void tell(struct process *parent, struct process *child) {
    cap_t answer = parent->answer;
    struct process_wait_reply told = process_tell(child);
    parent->answer = 0;
    (void)server_answer(&served_server, answer, OPERATION_WAIT, OK, &told); /* it may be gone */
    if (child->state == PROCESS_ENDED)
        process_forget(&sys->processes, child);
}

void serve_tell_news(struct process *process) {
    struct process *waiter = process_find_waiter(&sys->processes, process);
    struct process *parent = process->orphan ? NULL : process_find(&sys->processes, process->parent);
    if (parent != NULL)
        deliver_raise(parent, PROCESS_SIGCHLD, process->pid);
    if (waiter != NULL)
        tell(waiter, process);
}

void serve_answer_interrupted(struct process *process) {
    static const uint32_t operations[] = {[PROCESS_WAITING] = OPERATION_WAIT, [PROCESS_SLEEPING] = OPERATION_SLEEP};
    uint32_t operation = process->waits_with_mask ? OPERATION_SIGNAL_WAIT : operations[process->state];
    cap_t answer = process->answer;
    process->answer = 0;
    process->state = PROCESS_RUNNING;
    (void)server_answer(&served_server, answer, operation, P_INTERRUPTED, NULL);
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
    if (process->answer != 0)
        server_forget(process->answer);
    process->answer = 0;
    stage_forget(sys, system_stage(sys, process));
    body_destroy(sys, system_body(sys, process));
    struct process *parent = process->orphan ? NULL : process_find(&sys->processes, process->parent);
    if (parent != NULL)
        deliver_raise(parent, PROCESS_SIGCHLD, process->pid);
    struct process *waiter = process_end(&sys->processes, process, end);
    if (waiter != NULL)
        tell(waiter, process);
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

uint32_t serve_defer(struct process *caller, enum process_state state) {
    if (caller->answer != 0)
        return P_BUSY;
    caller->answer = server_defer();
    if (caller->answer == 0)
        return P_LIMIT;
    caller->state = state;
    return SERVER_DEFERRED;
}

uint32_t process_serve_wait(struct server_call *call, const struct process_wait_request *request,
                            struct process_wait_reply *reply) {
    struct process *caller = serve_caller(call);
    struct process *child;
    if (caller == NULL)
        return P_NO_PROCESS;
    if ((request->flags & ~(uint64_t)(PROCESS_WAIT_NO_HANG | PROCESS_WAIT_STOPPED | PROCESS_WAIT_CONTINUED)) != 0)
        return P_ARGUMENT;
    uint32_t status = process_find_news(&sys->processes, caller, request->pid, request->flags, &child);
    if (status == OK) {
        *reply = process_tell(child);
        if (child->state == PROCESS_ENDED)
            process_forget(&sys->processes, child);
    }
    if (status != E_TIMEOUT || (request->flags & PROCESS_WAIT_NO_HANG) != 0)
        return status;
    status = serve_defer(caller, PROCESS_WAITING);
    if (status == SERVER_DEFERRED) { /* else one that waits already goes on as it did */
        caller->wait_pid = request->pid;
        caller->wait_flags = request->flags;
    }
    return status;
}

uint32_t process_serve_sleep(struct server_call *call, const struct process_sleep_request *request,
                             struct process_sleep_reply *reply) {
    struct process *caller = serve_caller(call);
    (void)reply;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint64_t now_ns = sys_clock_read().value;
    bool endless = request->duration_ns >= DEADLINE_NEVER - now_ns;
    uint32_t status = serve_defer(caller, PROCESS_SLEEPING);
    if (status == SERVER_DEFERRED) {
        caller->wake_ns = endless ? DEADLINE_NEVER : now_ns + request->duration_ns;
        sys->processes.wakes_changed = true;
    }
    return status;
}

uint32_t process_serve_kill(struct server_call *call, const struct process_kill_request *request,
                            struct process_kill_reply *reply) {
    struct process *caller = serve_caller(call);
    struct process *target;
    reply->zero = 0;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (request->signal > PROCESS_SIGNAL_MAX)
        return P_ARGUMENT;
    if ((request->pid & PROCESS_GROUP) != 0) {
        uint32_t group = (uint32_t)request->pid;
        return deliver_raise_group(group, request->signal, caller) > 0 ? OK : P_NO_PROCESS;
    }
    uint32_t status = serve_find_target(caller, request->pid, &target);
    if (status == OK && target->pid == PROCESS_FIRST && caller != target)
        status = P_PERMISSION;
    if (status == OK)
        deliver_raise(target, request->signal, caller->pid);
    return status;
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

/* Nobody takes Ctrl-C from a group that he neither belongs to nor may act on. */
static bool may_take_foreground(const struct process *caller) {
    uint32_t foreground = sys->processes.foreground;
    bool allowed = foreground == 0 || caller->group == foreground;
    for (uint32_t i = 0; !allowed && i < PROCESS_MAX; i++) {
        const struct process *process = &sys->processes.entries[i];
        allowed =
            process->pid != 0 && process->group == foreground && process_may_act(&sys->processes, caller, process);
    }
    return allowed;
}

uint32_t process_serve_set_foreground(struct server_call *call, const struct process_set_foreground_request *request,
                                      struct process_set_foreground_reply *reply) {
    struct process *caller = serve_caller(call);
    struct process *target;
    reply->zero = 0;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint32_t status = request->pid == 0 ? OK : serve_find_target(caller, request->pid, &target);
    if (status == OK && request->pid != 0 && target->state == PROCESS_ENDED)
        status = P_NO_PROCESS;
    if (status == OK && !may_take_foreground(caller))
        status = P_PERMISSION;
    if (status == OK)
        sys->processes.foreground = request->pid == 0 ? 0 : target->group;
    return status;
}

static uint64_t cpu_time_ns(const struct body *body) {
    struct thread_state state;
    if (body->thread == 0 || sys_thread_read(body->thread).status != OK)
        return 0;
    memcpy(&state, program.message->data, sizeof state);
    return state.cpu_time_ns;
}

uint32_t process_serve_list(struct server_call *call, const struct process_list_request *request,
                            struct process_list_reply *reply) {
    (void)call;
    const struct process *process = process_find_from(&sys->processes, request->pid);
    if (process == NULL)
        return P_END;
    const struct body *body = system_body(sys, process);
    *reply = (struct process_list_reply){
        .pid = process->pid,
        .parent = process->parent,
        .state = process->halted && process->state != PROCESS_ENDED ? PROCESS_HALTED : process->state,
        .memory_pages = body_page_count(body),
        .cpu_time_ns = cpu_time_ns(body),
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
        .frames_free = sys->frames.free_count + sys->store.spare_count,
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

/* A page fault that only means that the page has not been brought yet. */
static uint32_t bring_page(struct process *process, const struct fault_message *fault) {
    if (fault->kind != FAULT_PAGE)
        return P_ADDRESS;
    uint32_t access = (fault->access & FAULT_ACCESS_FETCH) != 0   ? MEMORY_EXECUTE
                      : (fault->access & FAULT_ACCESS_WRITE) != 0 ? MEMORY_WRITE
                                                                  : MEMORY_READ;
    return pager_bring(sys, &system_body(sys, process)->incarnation, fault->address, access);
}

/* A process's memory, for a walk of its stack. */
struct stack_reader {
    struct backtrace_memory memory; /* first: one pointer names both */
    struct incarnation *incarnation;
};

static bool read_word(struct backtrace_memory *memory, uaddr_t at, uint64_t *ret_word) {
    const struct stack_reader *reader = (const struct stack_reader *)(const void *)memory;
    uint64_t offset = sys->work.run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status = pager_read(sys, reader->incarnation, at, sys->work.run.memory, offset, sizeof *ret_word);
    memcpy(ret_word, sys->work.bytes + WORK_SCRATCH_OFFSET, sizeof *ret_word);
    return status == OK;
}

/* On the kernel's log; ./baton run adds functions and lines. */
static void report(struct process *process, const struct fault_message *fault) {
    char name[PROCESS_NAME_MAX + 16];
    struct stack_reader reader = {{read_word}, &system_body(sys, process)->incarnation};
    (void)format_into(name, sizeof name, "process %u (%s)", process->pid, process->name);
    fault_log(name, fault);
    fault_log_callers(name, fault, &reader.memory);
}

void serve_fault(const struct server_event *event) {
    struct fault_message fault;
    struct process *process = process_find(&sys->processes, event->badge & ~BODY_FAULT_BADGE);
    fault_from_event(event, &fault);
    if (process == NULL || process->state == PROCESS_ENDED)
        return;
    struct thread_registers registers;
    uint32_t status = bring_page(process, &fault);
    uint64_t signal = status == P_ADDRESS ? fault_signal(fault.kind) : PROCESS_SIGKILL;
    if (status == OK) {
        served_server.answer = (struct message){.info = MESSAGE_INFO(FAULT_RESUME, 0, 0)};
        served_server.answer_waits = true;
        return;
    }
    if (deliver_leave(process, &fault, &registers) || deliver_fault(process, &fault, signal, &registers)) {
        fault.registers = registers;
        served_server.answer = (struct message){.info = MESSAGE_INFO(FAULT_WRITE, FAULT_WORDS, 0)};
        message_put(&served_server.answer, &fault, FAULT_WORDS, sizeof fault);
        served_server.answer_waits = true;
        if (server_flush(&served_server))
            return; /* registers that a thread can't have: it stays in its fault, and ends */
    }
    if (status != P_ADDRESS)
        log_print("process: no page at 0x%lx for process %u: %s", fault.address, process->pid, status_text(status));
    report(process, &fault);
    struct process_wait_reply end = {
        .end = PROCESS_KILLED,
        .value = signal,
        .fault = fault.kind,
        .address = fault.address,
        .rip = fault.rip,
    };
    serve_end_process(process, &end); /* and with its thread the right to answer */
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
    if ((bits & EVENT_INTERRUPT) != 0 && sys->processes.foreground != 0)
        (void)deliver_raise_group(sys->processes.foreground, PROCESS_SIGINT, NULL);
    if ((bits & EVENT_SUSPEND) != 0 && sys->processes.foreground != 0)
        (void)deliver_raise_group(sys->processes.foreground, PROCESS_SIGTSTP, NULL);
    if ((bits & EVENT_TIMER) != 0) {
        timer_ns = DEADLINE_NEVER;
        sys->processes.wakes_changed = true;
        deliver_alarms(sys_clock_read().value);
        wake_sleepers();
    }
}

void serve_set_timer(void) {
    if (!sys->processes.wakes_changed)
        return;
    sys->processes.wakes_changed = false;
    uint64_t next_ns = process_next_wake(&sys->processes);
    if (next_ns == timer_ns)
        return;
    timer_ns = next_ns;
    (void)sys_signal_timer(sys->caps.events, EVENT_TIMER, next_ns); /* main has tried that this can be done */
}
