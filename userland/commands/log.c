#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

/* Skip what is left of the oldest line, whose beginning was overwritten. Its bytes count as lost, too. */
static const char *skip_lost(const char *bytes, const char *end, uint64_t lost) {
    for (; bytes < end && *bytes != '\n'; bytes++)
        lost++;
    (void)command_complain("log", "%lu bytes before this are not kept any more", lost + 1);
    return bytes < end ? bytes + 1 : end;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "log    print the kernel's log, as far back as it is kept";
    if (command_help(argc, argv, usage))
        return 0;
    if (!command_is_alone(argc, argv, usage))
        return COMMAND_USAGE;
    cap_t log = program_cap("log");
    if (log == 0)
        return command_complain("log", "no capability `log`: who started this may not read the kernel's log");
    struct init_read_log_request request = {.position = 0};
    struct init_read_log_reply reply;
    uint32_t status;
    while ((status = init_read_log(log, &request, &reply, NULL)) == OK && reply.length_bytes > 0) {
        const char *start = reply.bytes, *end = reply.bytes + reply.length_bytes;
        uint64_t lost = reply.next - reply.length_bytes - request.position;
        if (lost > 0)
            start = skip_lost(start, end, lost);
        print("%.*s", (int)(end - start), start);
        request.position = reply.next;
    }
    return status == OK ? 0 : command_complain("log", "%s", status_text(status));
}
