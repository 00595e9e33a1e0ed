#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "userland/lib/command.h"
#include "userland/lib/launch.h"

/* Options and words to show, by enum process_limit. */
static const struct kind {
    const char *option, *name, *unit;
    uint64_t scale; /* one unit, in the protocol's unit */
} kinds[PROCESS_LIMITS] = {
    [PROCESS_LIMIT_MEMORY] = {"-m", "memory", " MiB", 1U << 20},
    [PROCESS_LIMIT_PROCESSES] = {"-p", "processes", "", 1},
    [PROCESS_LIMIT_THREADS] = {"-T", "threads", "", 1},
    [PROCESS_LIMIT_TIME] = {"-t", "time", " s", 1000000000U},
};

static uint32_t show(void) {
    uint32_t status = OK;
    for (uint64_t i = 0; status == OK && i < PROCESS_LIMITS; i++) {
        struct process_get_limit_request request = {0, i};
        struct process_get_limit_reply reply;
        status = process_get_limit(program_process(), &request, &reply, NULL);
        if (status != OK)
            break;
        print("%s %-9s ", kinds[i].option, kinds[i].name);
        if (reply.now == PROCESS_UNLIMITED)
            print("unlimited");
        else
            print("%lu%s", reply.now / kinds[i].scale, kinds[i].unit);
        print(", %lu%s in use\n", reply.used / kinds[i].scale, kinds[i].unit);
    }
    return status;
}

/* Set a limit for good: only process 1 could raise it again. */
static uint32_t set(uint64_t limit, uint64_t value) {
    struct process_set_limit_request request = {limit, value, value};
    struct process_set_limit_reply reply;
    return process_set_limit(program_process(), &request, &reply, NULL);
}

int main(int argc, char **argv, char **envp) {
    static const char usage[] = "limit [-m MIB] [-p PROCESSES] [-T THREADS] [-t CPU-SECONDS] [PROGRAM [WORD...]]\n"
                                "    run PROGRAM with these limits, or show them";
    if (command_help(argc, argv, usage))
        return 0;
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        uint64_t limit = 0, value;
        while (limit < PROCESS_LIMITS && strcmp(argv[at], kinds[limit].option) != 0)
            limit++;
        if (limit == PROCESS_LIMITS)
            return command_misused(usage, "limit: no such option: %s", argv[at]);
        if (at + 1 == argc || !text_to_number(argv[at + 1], &value) || value > UINT64_MAX / kinds[limit].scale)
            return command_misused(usage, "limit: want a whole number behind %s", argv[at]);
        uint32_t status = set(limit, value * kinds[limit].scale);
        if (status != OK)
            return command_complain("limit", "%s: %s", kinds[limit].name, command_reason(status, "set_limit"));
    }
    if (at < argc)
        return launch_instead("limit", argv + at, envp);
    uint32_t status = show();
    return status == OK ? 0 : command_complain("limit", "%s", command_reason(status, "get_limit"));
}
