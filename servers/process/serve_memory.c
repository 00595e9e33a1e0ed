/*
 * Handlers of the operations on memory, and fork.
 */
#include "servers/process/memory.h"
#include "servers/process/pressure.h"
#include "servers/process/serve.h"

static struct system *const sys = &served_system;

uint32_t process_serve_maps(struct server_call *call, const struct process_maps_request *request,
                            struct process_maps_reply *reply) {
    struct process *caller = serve_caller(call);
    struct process *target;
    if (caller == NULL)
        return P_NO_PROCESS;
    uint32_t status = serve_find_target(caller, request->pid == 0 ? caller->pid : request->pid, &target);
    if (status != OK)
        return status;
    return memory_describe(&body_of(target)->incarnation, request->index, reply) ? OK : P_END;
}

/* What the caller of an operation on its own memory runs; NULL: the badge is not one of a living process. */
static struct incarnation *memory_of(const struct server_call *call) {
    struct process *caller = serve_caller(call);
    return caller != NULL ? &body_of(caller)->incarnation : NULL;
}

uint32_t process_serve_map(struct server_call *call, const struct process_map_request *request,
                           struct process_map_reply *reply) {
    struct incarnation *memory = memory_of(call);
    uint32_t status = memory != NULL ? memory_map(sys, memory, request, &reply->at) : P_NO_PROCESS;
    pressure_explain(sys, status, call->reason);
    return status;
}

uint32_t process_serve_map_file(struct server_call *call, const struct process_map_file_request *request,
                                struct process_map_file_reply *reply) {
    struct process *caller = serve_caller(call);
    if (caller == NULL)
        return P_NO_PROCESS;
    return memory_map_file(sys, &body_of(caller)->incarnation, caller->pid, request, reply, call->reason);
}

uint32_t process_serve_unmap(struct server_call *call, const struct process_unmap_request *request,
                             struct process_unmap_reply *reply) {
    struct incarnation *memory = memory_of(call);
    reply->zero = 0;
    return memory != NULL ? memory_unmap(sys, memory, request->at, request->length_bytes) : P_NO_PROCESS;
}

uint32_t process_serve_protect(struct server_call *call, const struct process_protect_request *request,
                               struct process_protect_reply *reply) {
    struct incarnation *memory = memory_of(call);
    reply->zero = 0;
    return memory != NULL ? memory_protect(sys, memory, request->at, request->length_bytes, request->rights)
                          : P_NO_PROCESS;
}

uint32_t process_serve_set_break(struct server_call *call, const struct process_set_break_request *request,
                                 struct process_set_break_reply *reply) {
    struct incarnation *memory = memory_of(call);
    if (memory == NULL)
        return P_NO_PROCESS;
    uint32_t status = memory_set_break(sys, memory, request->end);
    *reply = (struct process_set_break_reply){memory->break_start, memory->break_end};
    return status;
}

uint32_t process_serve_fork(struct server_call *call, const struct process_fork_request *request,
                            struct process_fork_reply *reply) {
    struct thread *caller = serve_badge(call->badge);
    struct process *child;
    (void)request;
    if (caller == NULL)
        return P_NO_PROCESS;
    if (caller->process->halted)
        return P_INTERRUPTED; /* the child would run: not before CONT */
    uint32_t status = launch_fork(sys, caller, &child);
    pressure_explain(sys, status, call->reason);
    if (status != OK)
        return status;
    serve_watch_time(child);
    reply->pid = child->pid;
    return OK;
}
