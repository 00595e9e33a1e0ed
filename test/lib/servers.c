#include "test/lib/servers.h"

#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/lib/status.h"

struct init_list_reply entry_of(const char *name) {
    struct init_list_request request = {0};
    struct init_list_reply reply = {0};
    while (init_list(program_cap("init"), &request, &reply, NULL) == OK && strcmp(reply.name, name) != 0)
        request.index++;
    CHECK_TEXT(reply.name, name);
    return reply;
}

uint32_t restart(const char *name) {
    struct init_restart_request request = {{0}};
    struct init_restart_reply reply;
    memcpy(request.name, name, strlen(name));
    return init_restart(program_cap("init"), &request, &reply, NULL);
}

uint32_t swap_server(const char *name, const char *path, char ret_why[INIT_NO_MAX]) {
    struct init_swap_request request = {.name = {0}};
    struct init_swap_reply reply = {0};
    struct protocol_extra extra = {.reason = {0}};
    memcpy(request.name, name, strlen(name));
    memcpy(request.path, path, strlen(path));
    uint32_t status = init_swap(program_cap("init"), &request, &reply, &extra);
    memcpy(ret_why, status == OK ? reply.no : extra.reason, INIT_NO_MAX);
    ret_why[INIT_NO_MAX - 1] = '\0';
    return status;
}

void check_swap(const char *name, const char *path) {
    char why[INIT_NO_MAX] = "";
    if (CHECK_STATUS(swap_server(name, path, why), OK))
        CHECK_TEXT(why, "");
}
