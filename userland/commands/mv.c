#include "libsys/text.h"
#include "userland/lib/command.h"
#include "userland/lib/file.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] =
        "mv FROM TO    give a file or directory another path; TO is that, or a directory to go into";
    static char path[FILES_PATH_MAX + 1];
    if (command_help(argc, argv, usage))
        return 0;
    if (argc != 3)
        return command_misused(usage, "mv: want two paths");
    if (!file_target(argv[1], argv[2], path))
        return command_complain("mv", "%s: %s", argv[2], status_text(P_NOT_FOUND));
    uint32_t status = file_rename(argv[1], path);
    return status == OK ? 0 : command_complain("mv", "%s to %s: %s", argv[1], path, file_reason(status));
}
