/*
 * init: makes the servers that the manifest names, then watches them and serves the protocol `init`. README.md says
 * what it is given and what it keeps.
 */
#include "kernel/abi/system.h"
#include "kernel/abi/trace.h"
#include "libsys/fault.h"
#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/proto/init.h"
#include "libsys/server.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "servers/init/build.h"
#include "servers/init/log_copy.h"
#include "servers/init/manifest.h"
#include "servers/init/report.h"
#include "servers/init/world.h"

#define MANIFEST_PATH "etc/manifest.json"

/*
 * The machine's exit statuses if the manifest can't be carried out, and if a vital program has ended. Each goes with a
 * line on the log, by which `./baton run` tells it from a command's own status (tools/evidence/verdict.py).
 */
#define STATUS_CANNOT_START 74U
#define STATUS_VITAL_ENDED 75U

PROTOCOL_SERVER(init, INIT_OPERATIONS)

static struct world world;
static struct manifest manifest;
static struct child children[MANIFEST_PROGRAMS_MAX];
static struct server server;

static uint32_t power_off(uint64_t status) {
    return (uint32_t)sys_system_control(INIT_CAP_PORTS, CONTROL_POWER_OFF, status).status;
}

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
    return request->status > 255 ? P_ARGUMENT : power_off(request->status);
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
    if (request->index >= manifest.program_count)
        return P_END;
    const struct child *child = &children[request->index];
    *reply = (struct init_list_reply){
        .state = child->faulted ? INIT_FAULTED : INIT_RUNNING,
        .fault = child->fault.kind,
        .address = child->fault.address,
        .rip = child->fault.rip,
        .priority = child->program->priority,
    };
    memcpy(reply->name, child->program->name, strlen(child->program->name));
    return OK;
}

/*
 * Clean up after a program that has faulted. Its endpoints go, and with them every call that waits there: its clients
 * get an error instead of waiting without end. Its kernel objects go, too.
 */
static void retire(const struct child *child) {
    for (uint32_t i = 0; i < child->program->cap_count; i++) {
        const struct manifest_cap *cap = &child->program->caps[i];
        if (cap->kind != MANIFEST_ENDPOINT || manifest_calls(cap->right))
            continue;
        cap_t endpoint = world_object(&world, cap->object, OBJECT_ENDPOINT);
        (void)sys_cap_revoke(endpoint); /* can't fail: the slot is init's own */
        (void)sys_cap_delete(0, endpoint);
    }
    (void)sys_cap_delete(0, child->pool);
}

static void take_fault(const struct server_event *event) {
    uint64_t number = event->badge;
    if (number == 0 || number > manifest.program_count)
        return; /* no thread that init made has such a badge */
    struct child *child = &children[number - 1];
    fault_from_event(event, &child->fault);
    child->faulted = true;
    report_fault(&world, child);
    retire(child);
    if (child->program->vital) {
        log_print("init: %s is vital: switching off", child->program->name);
        (void)power_off(STATUS_VITAL_ENDED); /* returns only if the kernel refuses; then the others go on */
    }
}

static bool read_manifest(void) {
    struct image_file file;
    const uint8_t *bytes;
    char error[MANIFEST_ERROR_MAX];
    if (!world_find_file(&world, MANIFEST_PATH, &file, &bytes))
        return false;
    if (manifest_parse((const char *)bytes, file.size_bytes, &manifest, error))
        return true;
    log_print("init: " MANIFEST_PATH ": %s", error);
    return false;
}

static bool takes_rest(const struct manifest_program *one) {
    for (uint32_t i = 0; i < one->cap_count; i++)
        if (one->caps[i].kind == MANIFEST_MEMORY_REST)
            return true;
    return false;
}

/*
 * Build and start all programs. The one that takes all remaining memory is built last; they start in the manifest's
 * order.
 */
static bool start_all(cap_t endpoint) {
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < manifest.program_count; i++) {
            struct child *child = &children[i];
            if (takes_rest(&manifest.programs[i]) != (pass == 1))
                continue;
            child->program = &manifest.programs[i];
            child->number = i + 1;
            if (!child_build(child, &world, endpoint))
                return false;
        }
    }
    for (uint32_t i = 0; i < manifest.program_count; i++) {
        if (!child_start(&children[i]))
            return false;
        log_print("init: started %s", children[i].program->name);
    }
    return true;
}

/* Does the kernel's command line have this word? */
static bool command_has(const char *command, const char *word) {
    size_t length = strlen(word);
    for (const char *at = command; *at != 0; at++) {
        bool begins = at == command || at[-1] == ' ';
        if (begins && strncmp(at, word, length) == 0 && (at[length] == 0 || at[length] == ' '))
            return true;
    }
    return false;
}

/*
 * With the word `trace` on the command line: let the kernel record events, in frames of init's, for the report of a bad
 * end (tools/evidence). False: the log says why not.
 */
static bool start_trace(void) {
    struct memory_run run;
    if (!command_has(world.info->command, "trace"))
        return true;
    uint64_t status = E_MEMORY;
    if (world_take(&world, TRACE_PAGES_MAX, &run))
        status = sys_trace_control(INIT_CAP_PORTS, run.memory, run.offset_pages, run.page_count, TRACE_ALL).status;
    if (status != OK)
        log_print("init: trace: %s", status_text(status));
    return status == OK;
}

/* Make init's own endpoint, which gets calls and faults. 0: the log says why. */
static cap_t serve(void) {
    cap_t endpoint = world_object(&world, MANIFEST_OWN_ENDPOINT, OBJECT_ENDPOINT);
    if (endpoint != 0 && server_init(&server, endpoint, &init_protocol) == OK)
        return endpoint;
    log_print("init: no memory or slot for its own endpoint");
    return 0;
}

/* Start the system. False: it can't be started, and the last line on the log says why. */
static bool start(const struct init_info *info) {
    if (!world_init(&world, info) || !start_trace() || !read_manifest())
        return false;
    cap_t endpoint = serve();
    return endpoint != 0 && start_all(endpoint);
}

int main(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    (void)envp;
    const struct init_info *info = (const struct init_info *)program_auxiliary(AT_BATON_INIT);
    slots_init(&program.slots, INIT_CAP_REGIONS + info->region_count, info->table_slots);
    if (!start(info)) {
        log_print("init: the system can't be started");
        (void)power_off(STATUS_CANNOT_START); /* if the kernel refuses, main ends instead */
        return 1;
    }
    struct server_event event;
    while (server_next(&server, &event) == OK) {
        if (event.kind == MESSAGE_CALL)
            server_serve(&server, &event);
        else if (event.kind == MESSAGE_FAULT)
            take_fault(&event);
    }
    return 1;
}
