#include "libsys/print.h"
#include "userland/lib/command.h"

int main(int argc, char **argv, char **envp) {
    if (command_help(argc, argv, "env    print the environment, capabilities among it"))
        return 0;
    for (; *envp != NULL; envp++)
        print("%s\n", *envp);
    return 0;
}
