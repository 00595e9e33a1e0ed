/*
 * The image that calls exec, once to succeed and once to fail:
 *
 *     caller show                     turn into `show`, which checks its words and environment
 *     caller PATH STATUS REASON       exec of PATH has to fail with this status, and these words in its reason; then
 *                                     check that this process is as it was before
 */
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "userland/exectest/payload.h"
#include "userland/lib/launch.h"

#define CANARY 0x1234567890abcdefULL

static uint64_t data_canary = CANARY;

static uint64_t own_pid(void) {
    struct process_get_pid_request request = {.zero = 0};
    struct process_get_pid_reply reply;
    return process_get_pid(program_process(), &request, &reply, NULL) == OK ? reply.pid : 0;
}

static int exec_show(void) {
    char pid[24];
    format_into(pid, sizeof pid, "%lu", own_pid());
    const char *const arguments[] = {"show", pid, PAYLOAD_WORDS, NULL};
    const char *const environment[] = {PAYLOAD_ENVIRONMENT, NULL};
    const struct launch launch = {.path = PAYLOAD_FOLDER "show", .arguments = arguments, .environment = environment};
    struct launch_failure failure;
    launch_exec(program_process(), &launch, &failure);
    print("caller: exec of show: %s\n", failure.reason);
    return PAYLOAD_WRONG;
}

static int exec_and_live(const char *path, const char *wanted_status, const char *wanted_reason, char **envp) {
    volatile uint64_t stack_canary = CANARY;
    uint64_t pid = own_pid();
    uint64_t status;
    const char *const arguments[] = {path, NULL};
    const struct launch launch = {.path = path, .arguments = arguments, .environment = (const char *const *)envp};
    struct launch_failure failure;
    launch_exec(program_process(), &launch, &failure);

    if (!text_to_number(wanted_status, &status) || failure.status != status ||
        !launch_reason_has(&failure, wanted_reason)) {
        print("caller: %s: %s: %s\n", path, status_name(failure.status), failure.reason);
        return PAYLOAD_WRONG;
    }
    if (stack_canary != CANARY || data_canary != CANARY || own_pid() != pid) {
        print("caller: not what it was before the exec\n");
        return PAYLOAD_WRONG;
    }
    return PAYLOAD_LIVES_ON;
}

int main(int argc, char **argv, char **envp) {
    if (argc == 2 && strcmp(argv[1], "show") == 0)
        return exec_show();
    if (argc == 4)
        return exec_and_live(argv[1], argv[2], argv[3], envp);
    print("caller: started by exectest\n");
    return PAYLOAD_WRONG;
}
