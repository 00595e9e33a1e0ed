#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "userland/lib/command.h"
#include "userland/lib/launch.h"

#define DEFAULT_NICE 10U

int main(int argc, char **argv, char **envp) {
    static const char usage[] =
        "nice [-n N] PROGRAM [WORD...]    run PROGRAM so that others go first (N = 0..19, 10 if not said)";
    uint64_t nice = DEFAULT_NICE;
    if (command_help(argc, argv, usage))
        return 0;
    while (argc > 1 && strcmp(argv[1], "-n") == 0) {
        if (argc == 2 || !text_to_number(argv[2], &nice) || nice > PROCESS_NICE_MAX)
            return command_misused(usage, "nice: want a whole number from 0 to 19 behind -n");
        argc -= 2;
        argv += 2;
    }
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    if (first >= argc)
        return command_misused(usage, "nice: want a program");
    struct process_set_nice_request request = {0, nice};
    struct process_set_nice_reply reply;
    uint32_t status = process_set_nice(program_process(), &request, &reply, NULL);
    if (status != OK)
        return command_complain("nice", "%s", command_reason(status, "set_nice"));
    return launch_instead("nice", argv + first, envp);
}
