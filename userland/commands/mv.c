#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"
#include "userland/lib/file.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] =
        "mv FROM TO    give a file or directory another path; TO is that, or a directory to go into";
    static char path[FILES_PATH_MAX + 1];
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    if (argc - first != 2)
        return command_misused(usage, "mv: want two paths");
    if (!file_target(argv[first], argv[first + 1], path))
        return command_complain("mv", "%s: %s", argv[first + 1], status_text(P_NOT_FOUND));
    uint32_t status = file_rename(argv[first], path);
    return status == OK ? 0 : command_complain("mv", "%s to %s: %s", argv[first], path, file_reason(status));
}
