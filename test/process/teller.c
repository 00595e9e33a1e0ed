#include "test/process/teller.h"

#include "libsys/program/program.h"
#include "libsys/wire/server.h"

PROTOCOL_SERVER(teller, TELLER_OPERATIONS)

static uint32_t teller_serve_tell(struct server_call *call, const struct teller_tell_request *request,
                                  struct teller_tell_reply *reply) {
    (void)request;
    reply->badge = call->badge;
    return OK;
}

int main(int argc, char **argv, char **envp) {
    static struct server server;
    (void)argc, (void)argv, (void)envp;
    uint32_t status = server_init(&server, program_need("serve"), &teller_protocol);
    while (status == OK && (status = server_next(&server)) == OK)
        if (server_event_kind(&server) == MESSAGE_CALL)
            server_serve(&server);
    return 1;
}
