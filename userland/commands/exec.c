#include "libsys/print.h"
#include "libsys/program.h"
#include "libsys/string.h"
#include "userland/lib/command.h"
#include "userland/lib/launch.h"

int main(int argc, char **argv, char **envp) {
    static const char usage[] = "exec PROGRAM [WORD...]    replace this process's image by that of PROGRAM";
    if (command_help(argc, argv, usage))
        return 0;
    if (argc < 2)
        return command_misused(usage, "exec: want a program");
    char path[PROCESS_PATH_MAX];
    struct launch_failure failure = {.status = P_NOT_FOUND, .reason = "the path is too long"};
    if (launch_path(argv[1], path)) {
        const struct launch launch = {
            .path = path,
            .arguments = (const char *const *)argv + 1,
            .environment = (const char *const *)envp,
        };
        launch_exec(program_process(), &launch, &failure);
    }
    (void)command_complain("exec", "%s: %s", argv[1], failure.reason);
    return launch_exit_status(failure.status);
}
