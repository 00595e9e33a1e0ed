#include "userland/lib/command.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    (void)command_help(argc, argv, "true    do nothing; the exit status is 0");
    return 0;
}
