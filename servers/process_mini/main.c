/*
 * A small process server: README.md says what it is given and what it leaves out.
 *
 *     process_mini IMAGE [CAPABILITY]...      process 1, and the names of what it gets
 */
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/format.h"
#include "libsys/text/text.h"
#include "servers/process_mini/frames.h"
#include "servers/process_mini/serve.h"

/* Stands for the parent that process 1 does not have: it has the staged strings, and this server's table. */
static struct mini_process origin;

static bool fill_origin(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        char *text = origin.staged + origin.staged_bytes; /* init's arguments are shorter than the room */
        size_t room = sizeof origin.staged - origin.staged_bytes;
        cap_t cap = program_cap(argv[i]);
        if (i > 1 && cap == 0) {
            log_print("process_mini: can't pass on a capability `%s`", argv[i]);
            return false;
        }
        size_t length =
            i == 1 ? format_into(text, room, "%s", argv[i]) : format_into(text, room, "%s=%lu", argv[i], cap);
        origin.staged_bytes += length + 1;
    }
    return true;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    struct launch_caps caps = {program_need("serve"), program_need("space"), program_need("files")};
    if (argc < 2) {
        log_print("process_mini: want the image of process 1 as an argument");
        return 1;
    }
    if (!frames_start() || !launch_start(&caps)) {
        log_print("process_mini: not enough memory");
        return 1;
    }
    if (server_init(&serve_server, caps.endpoint, &serve_protocol) != OK || !fill_origin(argc, argv) ||
        !serve_first(&origin, argv[1], (uint64_t)argc - 2))
        return 1;
    while (server_next(&serve_server) == OK) {
        if (server_event_kind(&serve_server) == MESSAGE_CALL)
            server_serve(&serve_server);
        else if (server_event_kind(&serve_server) == MESSAGE_FAULT)
            serve_fault(&serve_server.event);
    }
    return 1;
}
