#include "userland/lib/command.h"
#include "userland/lib/file.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "mkdir PATH...    make directories";
    if (command_help(argc, argv, usage))
        return 0;
    if (argc < 2)
        return command_misused(usage, "mkdir: want a path");
    int exit_status = 0;
    for (int i = 1; i < argc; i++) {
        uint64_t none;
        uint32_t status = file_create(argv[i], FILES_DIRECTORY, &none);
        if (status != OK)
            exit_status = command_complain("mkdir", "%s: %s", argv[i], file_reason(status));
    }
    return exit_status;
}
