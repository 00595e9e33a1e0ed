#include "userland/lib/launch.h"

#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

/* Gathers strings into messages for the server. */
struct staging {
    cap_t process;
    uint32_t status;       /* of the first message that failed; OK: none did */
    uint64_t staged_bytes; /* bytes that the server has */
    struct process_stage_request request;
    struct protocol_extra extra;
};

static void stage_flush(struct staging *stage) {
    struct process_stage_reply reply;
    if (stage->status != OK || stage->request.length_bytes == 0)
        return;
    stage->request.offset_bytes = stage->staged_bytes;
    stage->status = process_stage(stage->process, &stage->request, &reply, &stage->extra);
    stage->staged_bytes += stage->request.length_bytes;
    stage->request.length_bytes = 0;
}

static void stage_bytes(struct staging *stage, const char *bytes, size_t length) {
    while (length > 0 && stage->status == OK) {
        size_t part = sizeof stage->request.bytes - stage->request.length_bytes;
        if (part > length)
            part = length;
        memcpy(stage->request.bytes + stage->request.length_bytes, bytes, part);
        stage->request.length_bytes += part;
        bytes += part;
        length -= part;
        if (stage->request.length_bytes == sizeof stage->request.bytes)
            stage_flush(stage);
    }
}

static uint64_t stage_arguments(struct staging *stage, const char *const *arguments) {
    uint64_t count = 0;
    for (; arguments[count] != NULL; count++)
        stage_bytes(stage, arguments[count], strlen(arguments[count]) + 1);
    return count;
}

static uint64_t stage_environment(struct staging *stage, const char *const *environment) {
    uint64_t count = 0;
    for (; *environment != NULL; environment++) {
        if (launch_is_private(*environment))
            continue;
        stage_bytes(stage, *environment, strlen(*environment) + 1);
        count++;
    }
    return count;
}

/* Whether the launch names another capability for the caller's own `name`, of `length` bytes. */
static bool is_replaced(const struct launch *launch, const char *name, size_t length) {
    for (size_t i = 0; i < launch->capability_count; i++)
        if (strncmp(launch->capabilities[i].name, name, length) == 0 && launch->capabilities[i].name[length] == '\0')
            return true;
    return false;
}

/*
 * Stage the caller's own capabilities, from its cap:NAME=SLOT strings, and those of the launch. `process` is not passed
 * on: each program gets one of its own.
 */
static uint64_t stage_capabilities(struct staging *stage, const struct launch *launch) {
    uint64_t count = launch->capability_count;
    for (char **entry = program.environment; *entry != NULL; entry++) {
        if (strncmp(*entry, "cap:", 4) != 0)
            continue;
        const char *name = *entry + 4;
        const char *end = strchr(name, '=');
        size_t length = end == NULL ? strlen(name) : (size_t)(end - name);
        if ((length == strlen("process") && strncmp(name, "process", length) == 0) || is_replaced(launch, name, length))
            continue;
        stage_bytes(stage, name, strlen(name) + 1);
        count++;
    }
    for (size_t i = 0; i < launch->capability_count; i++) {
        char text[PROCESS_NAME_MAX + 24];
        size_t length =
            format_into(text, sizeof text, "%s=%lu", launch->capabilities[i].name, launch->capabilities[i].slot);
        stage_bytes(stage, text, length + 1);
    }
    return count;
}

/* Static: too large for the stack, and a program starts one other at a time. */
static struct staging stage;

/* Stage all strings. Returns the status; *ret_strings: how many strings there are of each kind. */
static uint32_t stage_all(cap_t process, const struct launch *launch, struct process_strings *ret_strings) {
    stage.process = process;
    stage.status = OK;
    stage.staged_bytes = 0;
    stage.request.length_bytes = 0;
    stage.extra.reason[0] = '\0';
    ret_strings->argument_count = stage_arguments(&stage, launch->arguments);
    ret_strings->environment_count = stage_environment(&stage, launch->environment);
    ret_strings->capability_count = stage_capabilities(&stage, launch);
    stage_flush(&stage);
    return stage.status;
}

static void set_failure(uint32_t status, struct launch_failure *ret_failure) {
    ret_failure->status = status;
    const char *reason = stage.extra.reason[0] != '\0' ? stage.extra.reason : status_text(status);
    format_into(ret_failure->reason, sizeof ret_failure->reason, "%s", reason);
}

uint64_t launch_spawn(cap_t process, const struct launch *launch, struct launch_failure *ret_failure) {
    static struct process_spawn_request request;
    struct process_spawn_reply reply;
    request.length_bytes = strlen(launch->path);
    if (request.length_bytes > sizeof request.path)
        request.length_bytes = sizeof request.path; /* no file has so long a name: it will not be found */
    memcpy(request.path, launch->path, request.length_bytes);
    request.group = launch->group;
    uint32_t status = stage_all(process, launch, &request.strings);
    if (status == OK)
        status = process_spawn(process, &request, &reply, &stage.extra);
    if (status == OK)
        return reply.pid;
    set_failure(status, ret_failure);
    return 0;
}

void launch_exec(cap_t process, const struct launch *launch, struct launch_failure *ret_failure) {
    static struct process_exec_request request;
    struct process_exec_reply reply;
    request.length_bytes = strlen(launch->path);
    if (request.length_bytes > sizeof request.path)
        request.length_bytes = sizeof request.path;
    memcpy(request.path, launch->path, request.length_bytes);
    uint32_t status = stage_all(process, launch, &request.strings);
    if (status == OK)
        status = process_exec(process, &request, &reply, &stage.extra);
    set_failure(status, ret_failure);
}

_Bool launch_is_private(const char *entry) {
    return strncmp(entry, "cap:", 4) == 0 || strncmp(entry, "size:", 5) == 0 || strncmp(entry, "slots=", 6) == 0;
}

_Bool launch_path(const char *name, const char **search, char *path) {
    if (strchr(name, '/') != NULL) {
        bool first = *search != NULL;
        *search = NULL;
        return first && format_into(path, PROCESS_PATH_MAX, "%s", name) < PROCESS_PATH_MAX;
    }
    while (*search != NULL && name[0] != '\0') {
        const char *folder = *search, *end = strchr(folder, ':');
        size_t length = end == NULL ? strlen(folder) : (size_t)(end - folder);
        *search = end == NULL ? NULL : end + 1;
        if (length > 0 && format_into(path, PROCESS_PATH_MAX, "%.*s/%s", (int)length, folder, name) < PROCESS_PATH_MAX)
            return 1;
    }
    return 0;
}

/* Try one place after another. Returns the pid, or 0. Does not return if an exec succeeds. */
static uint64_t try_all(cap_t process, struct launch *launch, const char *search, bool exec,
                        struct launch_failure *ret_failure) {
    char path[PROCESS_PATH_MAX];
    const char *name = launch->arguments[0];
    *ret_failure = (struct launch_failure){.status = P_NOT_FOUND};
    (void)format_into(ret_failure->reason, sizeof ret_failure->reason, "%s",
                      strchr(name, '/') != NULL ? status_text(P_NOT_FOUND) : "command not found");
    while (launch_path(name, &search, path)) {
        struct launch_failure failure;
        uint64_t pid = 0;
        launch->path = path;
        if (exec)
            launch_exec(process, launch, &failure);
        else
            pid = launch_spawn(process, launch, &failure);
        if (pid != 0)
            return pid;
        bool there = failure.status != P_NOT_FOUND && failure.status != P_NOT_DIRECTORY;
        if (there || strchr(name, '/') != NULL)
            *ret_failure = failure;
        if (there && failure.status != P_NOT_FILE)
            return 0;
    }
    return 0;
}

uint64_t launch_search_spawn(cap_t process, struct launch *launch, const char *search,
                             struct launch_failure *ret_failure) {
    return try_all(process, launch, search, false, ret_failure);
}

int launch_instead(const char *name, char **arguments, char **environment) {
    struct launch_failure failure;
    struct launch launch = {
        .arguments = (const char *const *)arguments,
        .environment = (const char *const *)environment,
    };
    const char *search = program_variable("PATH");
    (void)try_all(program_process(), &launch, search != NULL ? search : LAUNCH_SEARCH, true, &failure);
    (void)command_complain(name, "%s: %s", arguments[0], failure.reason);
    return launch_exit_status(failure.status);
}

int launch_exit_status(uint32_t status) { return status == P_NOT_FOUND || status == P_NOT_DIRECTORY ? 127 : 126; }

_Bool launch_reason_has(const struct launch_failure *failure, const char *words) {
    size_t length = strlen(words);
    for (const char *at = failure->reason; *at != '\0'; at++)
        if (strncmp(at, words, length) == 0)
            return 1;
    return 0;
}
