#include "libsys/program.h"
#include "libsys/proto/process.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "userland/lib/command.h"

static const char usage[] =
    "kill [-SIGNAL] PID...    end processes; SIGNAL is a number or HUP INT ILL TRAP BUS FPE KILL\n"
    "       SEGV TERM (default TERM); 0 only asks whether it could be done";

/* A number, or a name with or without SIG. Returns false if it is neither. */
static bool find_signal(const char *text, uint64_t *ret_signal) {
    static const struct {
        const char *name;
        uint64_t number;
    } signals[] = {
        {"HUP", PROCESS_SIGHUP},   {"INT", PROCESS_SIGINT},   {"ILL", PROCESS_SIGILL},
        {"TRAP", PROCESS_SIGTRAP}, {"BUS", PROCESS_SIGBUS},   {"FPE", PROCESS_SIGFPE},
        {"KILL", PROCESS_SIGKILL}, {"SEGV", PROCESS_SIGSEGV}, {"TERM", PROCESS_SIGTERM},
    };
    if (text_to_number(text, ret_signal))
        return true;
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (strcmp(text, signals[i].name) == 0) {
            *ret_signal = signals[i].number;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, usage))
        return 0;
    struct process_kill_request request = {.signal = PROCESS_SIGTERM};
    int first = 1;
    if (argc > 1 && argv[1][0] == '-') {
        if (!find_signal(argv[1] + 1, &request.signal))
            return command_misused(usage, "kill: no such signal");
        first = 2;
    }
    if (first == argc)
        return command_misused(usage, "kill: want a process's number");
    int exit_status = 0;
    for (int i = first; i < argc; i++) {
        struct process_kill_reply reply;
        uint32_t status = P_ARGUMENT;
        if (text_to_number(argv[i], &request.pid))
            status = process_kill(program_cap("process"), &request, &reply, NULL);
        if (status != OK)
            exit_status = command_complain("kill", "%s: %s", argv[i], status_text(status));
    }
    return exit_status;
}
