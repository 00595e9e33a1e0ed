#include "libsys/maker/fault.h"
#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

#define TRIES 100U
#define TRY_AGAIN_NS (10 * NS_PER_MS)

static const char usage[] = "servers [restart NAME]    list the servers; or end one and start it again";

static const char *state_text(uint64_t state) {
    switch ((enum init_state)state) {
    case INIT_RUNNING:
        return "runs";
    case INIT_FAULTED:
        return "ended";
    case INIT_GONE:
        return "gone";
    }
    return "?";
}

static const char *end_text(const struct init_list_reply *server) {
    switch ((enum init_end)server->end) {
    case INIT_NO_END:
        return "-";
    case INIT_FAULT:
        return server->fault != 0 ? fault_text(server->fault) : "its main returned";
    case INIT_HUNG:
        return "it hung";
    case INIT_REQUESTED:
        return "on request";
    }
    return "?";
}

static int list(void) {
    struct init_list_request request = {.index = 0};
    struct init_list_reply server;
    uint32_t status;
    print("%-12s %-6s %8s %8s  %s\n", "SERVER", "STATE", "PRIORITY", "RESTARTS", "LAST END");
    while ((status = init_list(program_cap("init"), &request, &server, NULL)) == OK) {
        print("%-12s %-6s %8lu %8lu  %s\n", server.name, state_text(server.state), server.priority,
              server.restart_count, end_text(&server));
        request.index++;
    }
    return status == P_END ? 0 : command_complain("servers", "%s", status_text(status));
}

/* Ask again while the server is busy with what init does not interrupt, or is about to come back. */
static uint32_t ask(const struct init_restart_request *request) {
    struct init_restart_reply reply;
    struct process_sleep_reply slept;
    uint32_t status = init_restart(program_cap("init"), request, &reply, NULL);
    for (uint32_t i = 1; i < TRIES && status == P_BUSY; i++) {
        const struct process_sleep_request pause = {.until_ns = program_time_in(TRY_AGAIN_NS)};
        (void)process_sleep(program_process(), &pause, &slept, NULL); /* if it can't, it just asks sooner */
        status = init_restart(program_cap("init"), request, &reply, NULL);
    }
    return status;
}

static int restart(const char *name) {
    struct init_restart_request request = {{0}};
    if (strlen(name) >= sizeof request.name)
        return command_complain("servers", "%s: no such server", name);
    memcpy(request.name, name, strlen(name));
    uint32_t status = ask(&request);
    switch (status) {
    case OK:
        return 0;
    case P_NOT_FOUND:
        return command_complain("servers", "%s: no such server", name);
    case P_OPERATION:
        return command_complain("servers", "%s: no `restart` in its manifest's entry, or it keeps no state", name);
    case P_BUSY:
        return command_complain("servers", "%s: it is about to come back, or is being swapped: try again later", name);
    default:
        return command_complain("servers", "%s: %s", name, status_text(status));
    }
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    if (argc == first)
        return list();
    if (argc - first != 2 || strcmp(argv[first], "restart") != 0)
        return command_misused(usage, "servers: want nothing, or `restart` and a name");
    return restart(argv[first + 1]);
}
