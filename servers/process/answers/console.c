#include "servers/process/answers/console.h"

#include "libsys/proto/console.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "servers/process/answers/answer.h"

static struct server_context *const context = &served_context;

void console_tell_foreground(void) {
    struct console_set_foreground_request request = {.group = context->processes.foreground};
    struct console_set_foreground_reply reply;
    struct protocol_extra extra;
    if (context->caps.console == 0 || context->told_foreground == context->processes.foreground)
        return;
    context->told_foreground = context->processes.foreground;
    uint32_t status = console_set_foreground(context->caps.console, &request, &reply, &extra);
    if (status == OK)
        return;
    log_print("process: the console knows no foreground, all may read there: %s", status_text(status));
    context->caps.console = 0;
}
