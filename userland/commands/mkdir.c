#include "userland/lib/command.h"
#include "userland/lib/file.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "mkdir PATH...    make directories";
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    if (first >= argc)
        return command_misused(usage, "mkdir: want a path");
    int exit_status = 0;
    for (int i = first; i < argc; i++) {
        uint64_t none;
        uint32_t status = file_create(argv[i], FILES_DIRECTORY, &none);
        if (status != OK)
            exit_status = command_complain("mkdir", "%s: %s", argv[i], file_reason(status));
    }
    return exit_status;
}
