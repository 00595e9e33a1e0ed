#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/stream.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

/* Print a file. Returns the status of the first call that failed. */
static uint32_t show(cap_t files, const char *path) {
    struct files_stat_request where = {.length_bytes = strlen(path)};
    struct files_stat_reply file;
    if (where.length_bytes > sizeof where.path)
        return P_NOT_FOUND;
    memcpy(where.path, path, where.length_bytes);
    uint32_t status = files_stat(files, &where, &file, NULL);
    if (status == OK && file.kind != FILES_FILE)
        status = P_NOT_FILE;
    if (status != OK)
        return status;

    struct files_read_request request = {.file = file.file, .most_bytes = FILES_BYTES_MAX};
    for (;;) {
        static struct files_read_reply reply;
        status = files_read(files, &request, &reply, NULL);
        if (status != OK || reply.length_bytes == 0)
            return status;
        print_bytes(reply.bytes, reply.length_bytes);
        request.offset_bytes += reply.length_bytes;
    }
}

static uint32_t show_input(void) {
    uint8_t bytes[STREAM_BYTES_MAX];
    size_t length = 0;
    uint32_t status;
    do {
        status = stream_read_some(stream_in(), bytes, sizeof bytes, &length);
        if (status == OK)
            print_bytes(bytes, length);
    } while (status == OK && length > 0);
    return status;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "cat [FILE...]    print the files' contents, or what is read from stdin";
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    int exit_status = 0;
    if (first >= argc) {
        uint32_t status = show_input();
        if (status != OK)
            exit_status = command_complain("cat", "stdin: %s", status_text(status));
    }
    for (int i = first; i < argc; i++) {
        uint32_t status = show(program_cap("files"), argv[i]);
        if (status != OK)
            exit_status = command_complain("cat", "%s: %s", argv[i], status_text(status));
    }
    return exit_status;
}
