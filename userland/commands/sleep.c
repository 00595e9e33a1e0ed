#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/text/number.h"
#include "libsys/text/text.h"
#include "userland/lib/command.h"

#define SECONDS_MAX 1000000000U

int main(int argc, char **argv, char **envp) {
    (void)envp;
    static const char usage[] = "sleep SECONDS    do nothing for so long";
    uint64_t seconds;
    if (command_help(argc, argv, usage))
        return 0;
    int first = command_operands(argc, argv, usage, '\0', NULL);
    if (first == 0)
        return COMMAND_USAGE;
    if (argc - first != 1 || !text_to_number(argv[first], &seconds) || seconds > SECONDS_MAX)
        return command_misused(usage, "sleep: want a whole number of seconds");
    struct process_sleep_request request = {.until_ns = program_time_in(seconds * NS_PER_S)};
    struct process_sleep_reply reply;
    uint32_t status = process_sleep(program_process(), &request, &reply, NULL);
    return status == OK ? 0 : command_complain("sleep", "%s", command_reason(status, "sleep"));
}
