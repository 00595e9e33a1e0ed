#include "servers/process/answers/console.h"

#include "libsys/print.h"
#include "libsys/proto/console.h"
#include "libsys/text.h"
#include "servers/process/answers/answer.h"

static struct system *const sys = &served_system;

void console_tell_foreground(void) {
    struct console_set_foreground_request request = {.group = sys->processes.foreground};
    struct console_set_foreground_reply reply;
    struct protocol_extra extra;
    if (sys->caps.console == 0 || sys->told_foreground == sys->processes.foreground)
        return;
    sys->told_foreground = sys->processes.foreground;
    uint32_t status = console_set_foreground(sys->caps.console, &request, &reply, &extra);
    if (status == OK)
        return;
    log_print("process: the console knows no foreground, all may read there: %s", status_text(status));
    sys->caps.console = 0;
}
