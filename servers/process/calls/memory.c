/*
 * Handlers of the operations on memory, and fork.
 */
#include "servers/process/calls/serve.h"
#include "servers/process/delivery/time_limit.h"
#include "servers/process/memory/mappings.h"
#include "servers/process/memory/pressure.h"

static struct server_context *const context = &served_context;

uint32_t process_serve_maps(struct server_call *, const struct process_maps_request *request,
                            struct process_maps_reply *reply, struct process *caller) {
    struct process *target;
    uint32_t status = serve_find_target(caller, request->pid == 0 ? caller->pid : request->pid, &target);
    if (status != OK)
        return status;
    return mappings_describe(&objects_of(target)->incarnation, request->index, reply) ? OK : P_END;
}

uint32_t process_serve_map(struct server_call *call, const struct process_map_request *request,
                           struct process_map_reply *reply, struct process *caller) {
    struct incarnation *memory = &objects_of(caller)->incarnation;
    uint32_t status = mappings_map(context, memory, request, &reply->at);
    pressure_explain(context, status, call->reason);
    return status;
}

uint32_t process_serve_map_file(struct server_call *call, const struct process_map_file_request *request,
                                struct process_map_file_reply *reply, struct process *caller) {
    struct incarnation *memory = &objects_of(caller)->incarnation;
    return mappings_map_file(context, memory, caller->pid, request, reply, call->reason);
}

uint32_t process_serve_unmap(struct server_call *, const struct process_unmap_request *request,
                             struct process_unmap_reply *reply, struct process *caller) {
    struct incarnation *memory = &objects_of(caller)->incarnation;
    reply->zero = 0;
    return mappings_unmap(context, memory, request->at, request->length_bytes);
}

uint32_t process_serve_protect(struct server_call *, const struct process_protect_request *request,
                               struct process_protect_reply *reply, struct process *caller) {
    struct incarnation *memory = &objects_of(caller)->incarnation;
    reply->zero = 0;
    return mappings_protect(context, memory, request->at, request->length_bytes, request->rights);
}

uint32_t process_serve_set_break(struct server_call *, const struct process_set_break_request *request,
                                 struct process_set_break_reply *reply, struct process *caller) {
    struct incarnation *memory = &objects_of(caller)->incarnation;
    uint32_t status = mappings_set_break(context, memory, request->end);
    *reply = (struct process_set_break_reply){memory->break_start, memory->break_end};
    return status;
}

uint32_t process_serve_fork(struct server_call *call, const struct process_fork_request *,
                            struct process_fork_reply *reply, struct process *caller) {
    struct process_thread *thread = serve_thread(caller, call);
    if (caller->halted)
        return P_INTERRUPTED; /* a stopped process must not make a child that runs: it asks again after CONT */
    uint32_t status = launch_fork(context, thread, &reply->pid);
    pressure_explain(context, status, call->reason);
    if (status == OK)
        time_limit_watch(process_find(&context->processes, reply->pid));
    return status;
}
