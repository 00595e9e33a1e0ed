#include "servers/init/serve.h"

#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "servers/init/log_copy.h"
#include "servers/init/recovery.h"
#include "servers/init/report.h"
#include "servers/init/swap.h"

PROTOCOL_SERVER(init, INIT_OPERATIONS)

const struct protocol *const serve_protocol = &init_protocol;

static cap_t swap_caller; /* the right to answer it; 0: there is none */

/* Was this call made by a capability that allows only reading the log? */
static bool is_log(const struct server_call *call) { return (call->badge & INIT_LOG_BADGE) != 0; }

static uint32_t init_serve_read_log(struct server_call *call, const struct init_read_log_request *request,
                                    struct init_read_log_reply *reply) {
    if (!is_log(call))
        return P_OPERATION;
    reply->next = request->position;
    reply->length_bytes =
        log_copy((const struct log_ring *)WORLD_LOG_AT, &reply->next, reply->bytes, sizeof reply->bytes);
    return OK;
}

static uint32_t init_serve_power_off(struct server_call *call, const struct init_power_off_request *request,
                                     struct init_power_off_reply *reply) {
    (void)reply;
    if (is_log(call))
        return P_OPERATION;
    return request->status > 255 ? P_ARGUMENT : world_power_off(request->status);
}

static uint32_t init_serve_reboot(struct server_call *call, const struct init_reboot_request *request,
                                  struct init_reboot_reply *reply) {
    (void)request;
    (void)reply;
    if (is_log(call))
        return P_OPERATION;
    return (uint32_t)sys_system_control(INIT_CAP_PORTS, CONTROL_REBOOT, 0).status;
}

static uint32_t init_serve_list(struct server_call *call, const struct init_list_request *request,
                                struct init_list_reply *reply) {
    if (is_log(call))
        return P_OPERATION;
    if (request->index >= the_manifest.program_count)
        return P_END;
    const struct child *child = &the_children[request->index];
    *reply = (struct init_list_reply){
        .state = child->state,
        .end = child->end,
        .restart_count = child->restart_count,
        .fault = fault_is_return(&child->fault) ? 0 : child->fault.kind,
        .address = child->fault.address,
        .rip = child->fault.rip,
        .priority = child->program->priority,
        .pool_bytes = sys_system_info(INFO_POOL_USED, child->pool).value,
    };
    memcpy(reply->name, child->program->name, strlen(child->program->name));
    return OK;
}

static struct child *find_child(const char *name) {
    for (struct child *child = the_children; child < the_children + the_manifest.program_count; child++)
        if (strncmp(child->program->name, name, INIT_NAME_MAX) == 0)
            return child;
    return NULL;
}

static uint32_t init_serve_restart(struct server_call *call, const struct init_restart_request *request,
                                   struct init_restart_reply *reply) {
    reply->zero = 0;
    if (is_log(call))
        return P_OPERATION;
    struct child *child = find_child(request->name);
    return child != NULL ? recovery_request(child) : P_NOT_FOUND;
}

/* A failure that a person can read. */
static uint32_t refuse(struct server_call *call, uint32_t status, const char *reason) {
    (void)format_into(call->reason, sizeof call->reason, "%s", reason);
    return status;
}

static uint32_t init_serve_swap(struct server_call *call, const struct init_swap_request *request,
                                struct init_swap_reply *reply) {
    const char *reason;
    (void)reply;
    if (is_log(call))
        return P_OPERATION;
    struct child *child = find_child(request->name);
    if (child == NULL)
        return refuse(call, P_NOT_FOUND, "there is no such server");
    if (strnlen(request->path, sizeof request->path) == sizeof request->path)
        return refuse(call, P_NOT_FOUND, "the boot volume has no such file");
    cap_t slot = slot_take();
    uint32_t status = slot == 0 ? P_LIMIT : swap_begin(child, request->path, &reason);
    if (status != OK) {
        slot_free(slot);
        return slot == 0 ? status : refuse(call, status, reason);
    }
    if (server_defer_to(slot))
        swap_caller = slot;
    else
        slot_free(slot); /* the caller is gone; the swap goes on */
    recovery_tick();
    return SERVER_DEFERRED;
}

void serve_answer_swap(struct server *server) {
    struct init_swap_reply reply;
    if (swap_caller == 0 || !swap_result(&reply))
        return;
    (void)server_answer(server, swap_caller, INIT_SWAP, OK, &reply); /* a caller that is gone is no error */
    swap_caller = 0;
}

void serve_fault(struct server *server) {
    uint64_t number = server->event.badge;
    if (number == 0 || number > the_manifest.program_count)
        return; /* no thread that init made has such a badge */
    struct child *child = &the_children[number - 1];
    fault_from_event(&server->event, &child->fault);
    bool is_on_trial = swap_fault(child);
    serve_answer_swap(server); /* before a storm begins the next swap, whose result would be told instead */
    if (is_on_trial) {
        recovery_tick(); /* the old one may have to be started again */
        return;
    }
    report_fault(&the_world, child);
    recovery_of(child, INIT_FAULT, &child->fault.registers);
}
