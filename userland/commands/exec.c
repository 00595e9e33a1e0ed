#include "userland/lib/command.h"
#include "userland/lib/launch.h"

int main(int argc, char **argv, char **envp) {
    static const char usage[] = "exec PROGRAM [WORD...]    replace this process's image by that of PROGRAM";
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    return first >= argc ? command_misused(usage, "exec: want a program") : launch_instead("exec", argv + first, envp);
}
