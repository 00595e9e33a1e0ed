#include "servers/process_mini/serve.h"

#include "kernel/abi/thread.h"
#include "libsys/maker/fault.h"
#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "servers/process_mini/frames.h"

#define ROW_NUMBER(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) OPERATION_##name = number,

/* The shapes of all operations: malformed messages are refused alike, whether their operation is served here or not. */
enum process_operation { PROCESS_OPERATIONS(ROW_NUMBER) };
PROTOCOL_TABLE(process, PROCESS_OPERATIONS)

struct server serve_server;
static struct mini_process processes[PROCESSES_MAX];
static uint32_t last_pid;

static struct mini_process *find(uint64_t pid) {
    for (uint32_t i = 0; i < PROCESSES_MAX; i++)
        if (pid != 0 && processes[i].pid == pid)
            return &processes[i];
    return NULL;
}

/* A new entry. NULL: all are taken. */
static struct mini_process *begin(uint32_t parent) {
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        if (processes[i].pid != 0)
            continue;
        memset(&processes[i], 0, offsetof(struct mini_process, staged));
        processes[i].pid = ++last_pid;
        processes[i].parent = parent;
        processes[i].home_owner = (uint8_t)(4 * (i + 1)); /* three of each four numbers are used */
        processes[i].image_owner = (uint8_t)(4 * (i + 1) + 2);
        return &processes[i];
    }
    return NULL;
}
_Static_assert(4 * (PROCESSES_MAX + 1) <= 255, "owners are bytes");

static void forget(struct mini_process *process) { process->pid = 0; }

static void answer_wait(struct mini_process *parent, struct mini_process *child) {
    (void)server_answer(&serve_server, parent->answer, OPERATION_wait, OK, &child->end); /* it may be gone */
    parent->answer = 0;
    forget(child);
}

static void switch_off(const struct process_wait_reply *end) {
    uint64_t status = end->end == PROCESS_EXITED ? end->value : 128 + end->value;
    struct init_power_off_request request = {status & 0xff};
    struct init_power_off_reply reply;
    log_print("process_mini: process 1 has ended: switching off");
    uint32_t failed = init_power_off(program_cap("init"), &request, &reply, NULL);
    log_print("process_mini: can't switch off: %s", status_text(failed));
}

/* No parent is left to wait for these children: ended ones are forgotten, the others get process 1 as their parent. */
static void make_orphans(const struct mini_process *parent) {
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        struct mini_process *child = &processes[i];
        if (child->pid == 0 || child->parent != parent->pid)
            continue;
        child->parent = 1;
        child->orphan = true;
        if (child->ended)
            forget(child);
    }
}

/* End a process: all that it is made of goes at once; its entry waits for its parent. */
static void end_process(struct mini_process *process, const struct process_wait_reply *end) {
    bool first = process->pid == 1;
    process->end = *end;
    process->end.pid = process->pid;
    process->ended = true;
    if (process->answer != 0)
        server_forget(process->answer);
    process->answer = 0;
    process_destroy(process);
    make_orphans(process);
    struct mini_process *parent = find(process->parent);
    if (process->orphan)
        forget(process);
    else if (parent != NULL && parent->answer != 0 &&
             (parent->wait_pid == PROCESS_ANY || parent->wait_pid == process->pid))
        answer_wait(parent, process);
    if (first)
        switch_off(end);
}

/* ---- operations ---- */

static uint32_t serve_stage(struct mini_process *caller, const struct process_stage_request *request,
                            struct process_stage_reply *reply) {
    if (request->offset_bytes == 0)
        caller->staged_bytes = 0;
    if (request->offset_bytes != caller->staged_bytes)
        return P_ARGUMENT;
    if (request->length_bytes > PROCESS_STAGE_MAX - caller->staged_bytes)
        return P_TOO_BIG;
    memcpy(caller->staged + caller->staged_bytes, request->bytes, request->length_bytes);
    caller->staged_bytes += request->length_bytes;
    reply->staged_bytes = caller->staged_bytes;
    return OK;
}

/* Take the path of a spawn or exec, and put a zero behind it. False: it has a zero inside, so it names no file. */
static bool take_request(const char *path, uint64_t length_bytes, const struct process_strings *strings,
                         struct mini_request *ret_request) {
    memset(ret_request, 0, sizeof *ret_request);
    memcpy(ret_request->path, path, length_bytes);
    ret_request->strings = *strings;
    return strlen(ret_request->path) == length_bytes;
}

static uint32_t spawn(struct mini_process *caller, uint32_t parent, const struct mini_request *request, char *reason,
                      uint64_t *ret_pid) {
    struct mini_process *child = begin(parent);
    uint32_t status = child != NULL ? launch_spawn(caller, child, request, reason) : P_LIMIT;
    caller->staged_bytes = 0;
    if (status == OK)
        *ret_pid = child->pid;
    if (status != OK && child != NULL) {
        process_destroy(child);
        forget(child);
    }
    return status;
}

static uint32_t serve_spawn(struct server_call *call, struct mini_process *caller,
                            const struct process_spawn_request *request, struct process_spawn_reply *reply) {
    struct mini_request launch;
    if (!take_request(request->path, request->length_bytes, &request->strings, &launch))
        return P_NOT_FOUND;
    return spawn(caller, caller->pid, &launch, call->reason, &reply->pid);
}

static uint32_t serve_exec(struct server_call *call, struct mini_process *caller,
                           const struct process_exec_request *request) {
    struct mini_request launch;
    if (!take_request(request->path, request->length_bytes, &request->strings, &launch))
        return P_NOT_FOUND;
    uint32_t status = launch_exec(caller, &launch, call->reason);
    caller->staged_bytes = 0;
    return status == OK ? SERVER_DEFERRED : status; /* the program that called is gone */
}

static uint32_t serve_exit(struct mini_process *caller, const struct process_exit_request *request) {
    struct process_wait_reply end = {.end = PROCESS_EXITED, .value = request->code & 0xff};
    end_process(caller, &end);
    return SERVER_DEFERRED; /* nobody is there to answer */
}

static uint32_t serve_wait(struct mini_process *caller, const struct process_wait_request *request,
                           struct process_wait_reply *reply) {
    bool found = false;
    if (request->flags > PROCESS_WAIT_NO_HANG)
        return P_ARGUMENT;
    for (uint32_t i = 0; i < PROCESSES_MAX; i++) {
        struct mini_process *child = &processes[i];
        if (child->pid == 0 || child->parent != caller->pid || child->orphan ||
            (request->pid != PROCESS_ANY && request->pid != child->pid))
            continue;
        found = true;
        if (!child->ended)
            continue;
        *reply = child->end;
        forget(child);
        return OK;
    }
    if (!found || request->flags == PROCESS_WAIT_NO_HANG)
        return found ? E_TIMEOUT : P_NO_CHILD;
    if (caller->answer != 0)
        return P_BUSY;
    caller->wait_pid = request->pid;
    caller->answer = server_defer();
    return caller->answer != 0 ? SERVER_DEFERRED : P_LIMIT;
}

static uint32_t serve_get_pid(const struct mini_process *caller, struct process_get_pid_reply *reply) {
    *reply = (struct process_get_pid_reply){caller->pid, caller->parent};
    return OK;
}

static uint64_t cpu_time_ns(const struct mini_process *process) {
    struct thread_state state;
    if (process->thread == 0 || sys_thread_read(process->thread, 0).status != OK)
        return 0;
    memcpy(&state, program.message->data, sizeof state);
    return state.cpu_time_ns;
}

static uint32_t serve_list(const struct process_list_request *request, struct process_list_reply *reply) {
    const struct mini_process *best = NULL;
    for (uint32_t i = 0; i < PROCESSES_MAX; i++)
        if (processes[i].pid != 0 && processes[i].pid >= request->pid && (best == NULL || processes[i].pid < best->pid))
            best = &processes[i];
    if (best == NULL)
        return P_END;
    *reply = (struct process_list_reply){
        .pid = best->pid,
        .parent = best->parent,
        .state = best->ended         ? PROCESS_ENDED
                 : best->answer != 0 ? PROCESS_WAITING
                                     : PROCESS_RUNNING,
        .memory_pages = frames_count(best->home_owner) + frames_count(best->image_owner),
        .cpu_time_ns = cpu_time_ns(best),
        .threads = best->ended ? 0 : 1,
    };
    memcpy(reply->name, best->name, sizeof reply->name);
    return OK;
}

static uint32_t dispatch(struct server_call *call, const void *request, void *reply) {
    struct mini_process *caller = find(call->badge);
    if (caller == NULL || caller->ended)
        return P_NO_PROCESS;
    switch (call->operation) {
    case OPERATION_stage:
        return serve_stage(caller, request, reply);
    case OPERATION_spawn:
        return serve_spawn(call, caller, request, reply);
    case OPERATION_exec:
        return serve_exec(call, caller, request);
    case OPERATION_exit:
        return serve_exit(caller, request);
    case OPERATION_wait:
        return serve_wait(caller, request, reply);
    case OPERATION_get_pid:
        return serve_get_pid(caller, reply);
    case OPERATION_list:
        return serve_list(request, reply);
    default:
        return P_OPERATION;
    }
}

const struct protocol serve_protocol = {"process", process_operations,
                                        sizeof process_operations / sizeof process_operations[0], dispatch};

/* ---- faults, and the start ---- */

void serve_fault(const struct server_event *event) {
    struct fault_message fault;
    struct mini_process *process = find(event->badge & ~FAULT_BADGE);
    fault_from_event(event, &fault);
    if (process == NULL || process->ended)
        return;
    fault_log_image(process->name, &process->image.mark);
    fault_log(process->name, &fault, image_stack_lowest(&process->image), NULL);
    struct process_wait_reply end = {
        .end = PROCESS_KILLED,
        .value = fault_signal(fault.kind),
        .fault = fault.kind,
        .address = fault.address,
        .rip = fault.rip,
    };
    end_process(process, &end);
}

bool serve_first(struct mini_process *origin, const char *path, uint64_t name_count) {
    static char reason[PROTOCOL_REASON_MAX];
    static struct mini_request request;
    uint64_t pid;
    (void)format_into(request.path, sizeof request.path, "%s", path);
    request.strings = (struct process_strings){.argument_count = 1, .capability_count = name_count};
    uint32_t status = spawn(origin, 0, &request, reason, &pid);
    if (status != OK)
        log_print("process_mini: starting %s: %s %s", path, status_text(status), reason);
    return status == OK;
}
