#include "userland/lib/command.h"
#include "userland/lib/file.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "rm [-d] PATH...    remove files; -d: empty directories";
    if (command_help(argc, argv, usage))
        return 0;
    bool directories = false;
    int first = command_operands(argc, argv, usage, 'd', &directories);
    if (first == 0)
        return COMMAND_USAGE;
    if (first >= argc)
        return command_misused(usage, "rm: want a path");
    int exit_status = 0;
    for (int i = first; i < argc; i++) {
        uint32_t status = file_remove(argv[i], directories ? FILES_DIRECTORY : FILES_FILE);
        if (status != OK)
            exit_status = command_complain("rm", "%s: %s", argv[i], file_reason(status));
    }
    return exit_status;
}
