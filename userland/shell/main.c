/*
 * The shell: `shell` at a prompt, `shell FILE`, `shell -c 'COMMANDS'`. docs/shell.md is the user's page.
 *
 * The first process of the system is a shell, too. If there is /etc/rc, it runs that and then turns the machine off
 * with the last status. Otherwise it has a prompt; `exit` or Ctrl-D turns the machine off.
 */
#include "libsys/program/program.h"
#include "libsys/proto/init.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"
#include "userland/shell/shell.h"

#define RC_PATH "etc/rc"
#define COMMANDS_NAME "-c" /* where commands come from that no file has */

static struct shell shell;

static const char help[] =
    "usage: shell                  read commands from the console, or from stdin if that is a pipe or a file\n"
    "       shell FILE             run the commands in a file\n"
    "       shell -c 'COMMANDS'    run these\n"
    "`help` at its prompt says what it understands.\n";

static bool find_capabilities(void) {
    shell.console = program_cap("console");
    shell.files = program_cap("files");
    shell.init = program_cap("init");
    shell.process = program_process();
    if (shell.console != 0 && shell.files != 0 && shell.process != 0)
        return true;
    log_print("shell: want capabilities `console`, `files` and `process`");
    return false;
}

static uint64_t own_pid(void) {
    struct process_get_pid_request request = {.zero = 0};
    struct process_get_pid_reply reply;
    uint32_t status = process_get_pid(shell.process, &request, &reply, NULL);
    if (status == OK)
        return reply.pid;
    shell_complain(&shell, "asking for the own number: %s", status_text(status));
    return 0;
}

static void run_file(const char *path) {
    shell.name = path;
    uint32_t status = shell_run_file(&shell, path);
    if (status == OK)
        return;
    shell_complain(&shell, "%s", status_text(status));
    shell.status = status == P_NOT_FOUND ? SHELL_NOT_FOUND : SHELL_NOT_RUN;
}

static void run_input(cap_t input) {
    uint32_t status = shell_run_stream(&shell, input);
    if (status == OK)
        return;
    shell_complain(&shell, "stdin: %s", status_text(status));
    shell.status = SHELL_FAILURE;
}

/* The first shell has nobody to return to, so the system ends with it. */
static void power_off(void) {
    struct init_power_off_request request = {.status = (uint64_t)shell.status};
    struct init_power_off_reply reply;
    command_flush_console();
    uint32_t status = init_power_off(shell.init, &request, &reply, NULL);
    shell_complain(&shell, "power off: %s", status_text(status));
}

static void run_first(void) {
    shell.name = COMMANDS_NAME; /* `./baton run -c` makes the file; its user has never seen its name */
    shell_set_console(&shell, CONSOLE_FOREGROUND);
    uint32_t status = shell_run_file(&shell, RC_PATH);
    if (status != P_NOT_FOUND && status != OK) {
        shell_complain(&shell, "%s", status_text(status));
        shell.status = SHELL_NOT_RUN;
    }
    if (status == P_NOT_FOUND) {
        shell.name = "shell";
        print("Baton. `help` explains the shell.\n");
        shell_run_prompt(&shell);
    }
    power_off();
}

int main(int argc, char **argv, char **envp) {
    shell.name = "shell";
    if (!find_capabilities())
        return SHELL_FAILURE;
    shell_import_variables(&shell, envp);
    shell.pid = own_pid();
    shell.first = shell.pid == SHELL_FIRST_PID;
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print("%s", help);
    } else if (argc == 3 && strcmp(argv[1], "-c") == 0) {
        shell.name = COMMANDS_NAME;
        shell_run_text(&shell, argv[2]);
    } else if (argc == 2 && argv[1][0] != '-') {
        run_file(argv[1]);
    } else if (argc > 1) {
        const char *problem = argv[1][0] != '-'            ? "want one file"
                              : strcmp(argv[1], "-c") == 0 ? "want commands behind -c, as one word"
                                                           : "no such option";
        print_error("shell: %s: %s\n%s", argv[1], problem, help);
        shell.status = SHELL_USAGE;
    } else if (shell.first) {
        run_first();
    } else if (program_cap("stdin") != 0) {
        run_input(program_cap("stdin"));
    } else {
        shell_run_prompt(&shell);
    }
    return shell.status;
}
