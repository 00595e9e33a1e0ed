#include "userland/lib/kill.h"

#include "userland/lib/command.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, kill_usage))
        return 0;
    return kill_run((size_t)argc, argv, kill_find_number, NULL, NULL);
}
