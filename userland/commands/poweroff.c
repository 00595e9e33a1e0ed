#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "poweroff [STATUS]    turn the machine off; STATUS (0..255) is for the log";
    if (command_help(argc, argv, usage))
        return 0;
    struct init_power_off_request request = {.status = 0};
    struct init_power_off_reply reply;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    if (argc - first > 1 ||
        (argc - first == 1 && (!text_to_number(argv[first], &request.status) || request.status > 255)))
        return command_misused(usage, "poweroff: want one whole number at most, 0 to 255");
    command_flush_console();
    uint32_t status = init_power_off(program_cap("init"), &request, &reply, NULL);
    return command_complain("poweroff", "%s", status_text(status));
}
