/* The server of relay.h. */
#include "test/realm/relay.h"

#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/wire/server.h"

PROTOCOL_SERVER(relay, RELAY_OPERATIONS)

static uint32_t relay_serve_total(struct server_call *call, const struct relay_total_request *request,
                                  struct relay_total_reply *reply) {
    (void)call;
    reply->bytes = 0;
    for (uint64_t i = 0; i < request->count; i++) {
        struct files_stat_request stat = {.length_bytes = 1, .path = {(char)('0' + i % 10)}};
        struct files_stat_reply found;
        uint32_t status = files_stat(program_need("files"), &stat, &found, NULL);
        if (status != OK)
            return status;
        reply->bytes += found.size_bytes;
    }
    return OK;
}

static uint32_t relay_serve_err(struct server_call *call, const struct relay_err_request *request,
                                struct relay_err_reply *reply) {
    (void)call;
    reply->zero = 0;
    if (request->how == RELAY_FAULTS)
        __builtin_trap();
    return slot_derive(program_need("files"), ENDPOINT_CALL, 0) != 0 ? OK : (uint32_t)P_LIMIT;
}

int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    static struct server server;
    uint64_t status = server_init(&server, program_need("serve"), &relay_protocol);
    while (status == OK && (status = server_next(&server)) == OK)
        if (server_event_kind(&server) == MESSAGE_CALL)
            server_serve(&server);
    return 1;
}
