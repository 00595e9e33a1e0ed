#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/print.h"
#include "libsys/text/number.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

static const char *state_name(uint64_t state) {
    switch (state) {
    case PROCESS_RUNNING:
        return "running";
    case PROCESS_WAITING:
        return "waiting";
    case PROCESS_SLEEPING:
        return "sleeping";
    case PROCESS_ENDED:
        return "ended";
    case PROCESS_HALTED:
        return "stopped";
    default:
        return "?";
    }
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "ps    list the processes";
    if (command_help(argc, argv, usage))
        return 0;
    if (!command_is_alone(argc, argv, usage))
        return COMMAND_USAGE;
    print("  PID  PPID STATE     PAGES   TIME/ms THR NI NAME\n");
    struct process_list_request request = {.pid = 0};
    for (;;) {
        struct process_list_reply reply;
        uint32_t status = process_list(program_process(), &request, &reply, NULL);
        if (status == P_END)
            return 0;
        if (status != OK)
            return command_complain("ps", "%s", status_text(status));
        print("%5lu %5lu %-8s %6lu %9lu %3lu %2lu %.*s\n", reply.pid, reply.parent, state_name(reply.state),
              reply.memory_pages, reply.cpu_time_ns / NS_PER_MS, reply.threads, reply.nice, (int)sizeof reply.name,
              reply.name);
        request.pid = reply.pid + 1;
    }
}
