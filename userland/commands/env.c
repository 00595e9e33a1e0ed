#include "libsys/runtime/print.h"
#include "userland/lib/command.h"

int main(int argc, char **argv, char **envp) {
    static const char usage[] = "env    print the environment, capabilities among it";
    if (command_help(argc, argv, usage))
        return 0;
    if (!command_is_alone(argc, argv, usage))
        return COMMAND_USAGE;
    for (; *envp != NULL; envp++)
        print("%s\n", *envp);
    return 0;
}
