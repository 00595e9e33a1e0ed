#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"
#include "userland/lib/file.h"

/* Copy a file. On failure *ret_path is the path concerned. */
static uint32_t copy(const char *from, const char *to, const char **ret_path) {
    static uint8_t bytes[FILES_BYTES_MAX];
    struct files_stat_reply source, there;
    uint64_t target, length;
    *ret_path = from;
    uint32_t status = file_stat(from, &source);
    if (status == OK && source.kind != FILES_FILE)
        status = P_NOT_FILE;
    if (status != OK)
        return status;
    *ret_path = to;
    if (file_stat(to, &there) == OK && there.kind == FILES_FILE && there.file == source.file)
        return P_EXISTS; /* emptying the target would lose the file before it is read */
    status = file_open(to, true, &target);
    for (uint64_t offset = 0; status == OK; offset += length) {
        status = file_read(source.file, offset, bytes, sizeof bytes, &length);
        if (status != OK || length == 0)
            return status;
        status = file_write(target, offset, bytes, length);
    }
    return status;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "cp FROM TO    copy a file; TO is its new path, or a directory";
    static char path[FILES_PATH_MAX + 1];
    const char *about;
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    if (argc - first != 2)
        return command_misused(usage, "cp: want two paths");
    if (!file_target(argv[first], argv[first + 1], path))
        return command_complain("cp", "%s: %s", argv[first + 1], status_text(P_NOT_FOUND));
    uint32_t status = copy(argv[first], path, &about);
    return status == OK ? 0 : command_complain("cp", "%s: %s", about, file_reason(status));
}
