#include "userland/lib/command.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, "false    do nothing; the exit status is 1"))
        return 0;
    return 1;
}
