/*
 * The pipes server: protocols `pipes` and, at the ends it gives away, `stream`. This file connects serve.c, which
 * answers calls, with the system.
 */
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "servers/pipes/serve.h"

int main(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    (void)envp;
    cap_t serve = program_need("serve");
    cap_t events = program_need("events");
    uint64_t status = serve_start(serve, events);
    while (status == OK) {
        status = server_next(served_server);
        if (status == OK && server_event_kind(served_server) == MESSAGE_CALL)
            server_serve(served_server);
        else if (status == OK && server_event_kind(served_server) == MESSAGE_NOTIFICATION)
            serve_look_for_gone();
    }
    log_print("pipes: %s", status_text(status));
    return 1;
}
