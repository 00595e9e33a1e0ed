#include "servers/process/answers/console.h"

#include "libsys/proto/console.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "servers/process/answers/answer.h"

#define TRIES 3U

static struct server_context *const context = &served_context;

/* An answer that is lost (E_PEER) is no reason to give the console up: it can be told again. */
static uint32_t tell(const struct console_set_foreground_request *request) {
    struct console_set_foreground_reply reply;
    struct protocol_extra extra;
    uint32_t status = E_PEER;
    for (uint32_t i = 0; i < TRIES && status == E_PEER; i++)
        status = console_set_foreground(context->caps.console, request, &reply, &extra);
    return status;
}

void console_tell_foreground(void) {
    struct console_set_foreground_request request = {.group = context->processes.foreground};
    if (context->caps.console == 0 || context->told_foreground == context->processes.foreground)
        return;
    context->told_foreground = context->processes.foreground;
    uint32_t status = tell(&request);
    if (status == OK)
        return;
    log_print("process: the console knows no foreground, all may read there: %s", status_text(status));
    context->caps.console = 0;
}
