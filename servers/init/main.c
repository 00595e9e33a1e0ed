/*
 * init: makes the servers that the manifest names, then watches them and serves the protocol `init` (serve.c).
 * README.md says what it is given and what it keeps.
 */
#include "kernel/abi/system.h"
#include "kernel/abi/trace.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "servers/init/recovery.h"
#include "servers/init/serve.h"

#define MANIFEST_PATH "etc/manifest.json"

static struct server server;

static bool read_manifest(void) {
    struct image_file file;
    const uint8_t *bytes;
    char error[MANIFEST_ERROR_MAX];
    if (!world_find_file(&the_world, MANIFEST_PATH, &file, &bytes))
        return false;
    if (manifest_parse((const char *)bytes, file.size_bytes, &the_manifest, error))
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
        for (uint32_t i = 0; i < the_manifest.program_count; i++) {
            struct child *child = &the_children[i];
            if (takes_rest(&the_manifest.programs[i]) != (pass == 1))
                continue;
            child->program = &the_manifest.programs[i];
            child->number = i + 1;
            if (!child_build(child, &the_world, endpoint))
                return false;
        }
    }
    for (uint32_t i = 0; i < the_manifest.program_count; i++) {
        if (!child_start(&the_children[i]))
            return false;
        the_children[i].state = INIT_RUNNING;
        log_print("init: started %s", the_children[i].program->name);
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
    if (!command_has(the_world.info->command, "trace"))
        return true;
    uint64_t status = E_MEMORY;
    if (world_take(&the_world, TRACE_PAGES_MAX, &run))
        status = sys_trace_control(INIT_CAP_PORTS, run.memory, run.offset_pages, run.page_count, TRACE_ALL).status;
    if (status != OK)
        log_print("init: trace: %s", status_text(status));
    return status == OK;
}

/* Make init's own endpoint, which gets calls and faults. 0: the log says why. */
static cap_t make_endpoint(void) {
    cap_t endpoint = world_object(&the_world, MANIFEST_OWN_ENDPOINT, OBJECT_ENDPOINT);
    if (endpoint != 0 && server_init(&server, endpoint, serve_protocol) == OK)
        return endpoint;
    log_print("init: no memory or slot for its own endpoint");
    return 0;
}

/* Start the system. False: it can't be started, and the last line on the log says why. */
static bool start(const struct init_info *info) {
    if (!world_init(&the_world, info) || !start_trace() || !read_manifest())
        return false;
    cap_t endpoint = make_endpoint();
    return endpoint != 0 && start_all(endpoint) && recovery_start();
}

int main(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    (void)envp;
    const struct init_info *info = (const struct init_info *)program_auxiliary(AT_BATON_INIT);
    slots_init(&program.slots, INIT_CAP_REGIONS + info->region_count, info->table_slots);
    if (!start(info)) {
        log_print("init: the system can't be started");
        (void)world_power_off(STATUS_CANNOT_START); /* if the kernel refuses, main ends instead */
        return 1;
    }
    uint64_t status;
    while ((status = server_next(&server)) == OK) {
        if (server_event_kind(&server) == MESSAGE_CALL)
            server_serve(&server);
        else if (server_event_kind(&server) == MESSAGE_FAULT)
            serve_fault(&server);
        else if (server_event_kind(&server) == MESSAGE_NOTIFICATION)
            recovery_tick();
        serve_answer_swap(&server);
    }
    log_print("init: its endpoint: %s", status_text(status));
    return 1;
}
