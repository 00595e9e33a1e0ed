#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "reboot    start the machine anew";
    if (command_help(argc, argv, usage))
        return 0;
    if (!command_is_alone(argc, argv, usage))
        return COMMAND_USAGE;
    struct init_reboot_request request = {.zero = 0};
    struct init_reboot_reply reply;
    command_flush_console();
    uint32_t status = init_reboot(program_cap("init"), &request, &reply, NULL);
    return command_complain("reboot", "%s", status_text(status));
}
