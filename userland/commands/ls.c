#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

static cap_t files;
static bool with_sizes;
static struct protocol_extra extra; /* receives the server's reasons */

/* name: not zero-terminated. */
static void show(const char *name, uint64_t length, uint64_t kind, uint64_t size_bytes) {
    char text[FILES_PATH_MAX + 1];
    (void)format_into(text, sizeof text, "%.*s", (int)length, name);
    (void)text_make_harmless(text);
    if (with_sizes && kind == FILES_FILE)
        print("%10lu %s\n", size_bytes, text);
    else
        print("%s%s%s\n", with_sizes ? "           " : "", text, kind == FILES_DIRECTORY ? "/" : "");
}

static uint32_t show_directory(const char *path) {
    static struct files_list_request request;
    static struct files_list_reply reply;
    request.length_bytes = strlen(path);
    memcpy(request.path, path, request.length_bytes);
    for (request.index = 0;; request.index++) {
        uint32_t status = files_list(files, &request, &reply, &extra);
        if (status != OK)
            return status == P_END ? OK : status;
        show(reply.name, reply.length_bytes, reply.kind, reply.size_bytes);
    }
}

static uint32_t show_path(const char *path, bool with_heading) {
    static struct files_stat_request request;
    struct files_stat_reply reply;
    request.length_bytes = strlen(path);
    if (request.length_bytes > sizeof request.path)
        return P_NOT_FOUND;
    memcpy(request.path, path, request.length_bytes);
    uint32_t status = files_stat(files, &request, &reply, &extra);
    if (status != OK)
        return status;
    if (reply.kind == FILES_DIRECTORY) {
        if (with_heading)
            print("%s:\n", path);
        return show_directory(path);
    }
    show(path, request.length_bytes, reply.kind, reply.size_bytes);
    return OK;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "ls [-l] [PATH...]    list directories (default /) and files; -l: sizes in bytes";
    if (command_help(argc, argv, usage))
        return 0;
    files = program_cap("files");
    int first = command_operands(argc, argv, usage, 'l', &with_sizes);
    if (first == 0)
        return COMMAND_USAGE;
    int exit_status = 0;
    for (int i = first; i < argc || i == first; i++) {
        const char *path = i < argc ? argv[i] : "/";
        uint32_t status = show_path(path, argc - first > 1);
        if (status != OK)
            exit_status =
                command_complain("ls", "%s: %s", path, extra.reason[0] != '\0' ? extra.reason : status_text(status));
    }
    return exit_status;
}
