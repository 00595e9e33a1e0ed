#include "kernel/abi/thread.h"
#include "libsys/print.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "userland/lib/launch.h"
#include "userland/shell/shell.h"

void shell_complain(const struct shell *shell, const char *format, ...) {
    char text[PROTOCOL_REASON_MAX + PROCESS_PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    format_into_list(text, sizeof text, format, arguments);
    va_end(arguments);
    if (shell->line_number > 0)
        print_error("%s:%lu: %s\n", shell->name, shell->line_number, text);
    else
        print_error("%s: %s\n", shell->name, text);
}

int shell_end_status(const struct process_wait_reply *end) {
    return (int)(end->end == PROCESS_KILLED ? SHELL_SIGNAL_BASE + end->value : end->value);
}

/* Values of $?, $$, $! and variables. Numbers are written to a place of their own, used until the next one is asked. */
static const char *find_value(void *context, const char *name) {
    static char number[24];
    const struct shell *shell = context;
    switch (name[0]) {
    case '?':
        format_into(number, sizeof number, "%d", shell->status);
        return number;
    case '$':
        format_into(number, sizeof number, "%lu", shell->pid);
        return number;
    case '!':
        if (shell->last_background == 0)
            return NULL;
        format_into(number, sizeof number, "%lu", shell->last_background);
        return number;
    default:
        return shell_variable(shell, name);
    }
}

/* Whom Ctrl-C ends: a command, or else the shell itself unless it has a prompt. */
static void set_foreground(const struct shell *shell, uint64_t pid) {
    struct process_set_foreground_request request = {.pid = pid};
    struct process_set_foreground_reply reply;
    uint32_t status = process_set_foreground(shell->process, &request, &reply, NULL);
    bool harmless = status == P_NO_PROCESS || status == P_OPERATION; /* it has ended already; nobody gets Ctrl-C */
    if (status != OK && !harmless)
        shell_complain(shell, "foreground process %lu: %s", pid, status_text(status));
}

/* A command that a fault or an unexpected signal ended leaves no words of its own. */
static void tell_killed(const struct shell *shell, const char *name, const struct process_wait_reply *end) {
    if (end->fault == FAULT_PAGE)
        shell_complain(shell, "%s: killed by signal %lu: page fault at address 0x%lx, instruction 0x%lx", name,
                       end->value, end->address, end->rip);
    else if (end->fault != 0)
        shell_complain(shell, "%s: killed by signal %lu: fault %lu, instruction 0x%lx", name, end->value, end->fault,
                       end->rip);
    else if (end->value != PROCESS_SIGINT)
        shell_complain(shell, "%s: killed by signal %lu", name, end->value);
}

uint32_t shell_wait_foreground(struct shell *shell, uint64_t pid, struct process_wait_reply *ret_end) {
    struct process_wait_request request = {.pid = pid};
    set_foreground(shell, pid);
    uint32_t status = process_wait(shell->process, &request, ret_end, NULL);
    set_foreground(shell, shell->interactive ? 0 : shell->pid);
    if (status == OK && ret_end->end == PROCESS_KILLED && ret_end->value == PROCESS_SIGINT)
        shell->interrupted = true;
    return status;
}

void shell_wait_program(struct shell *shell, uint64_t pid, const char *name) {
    struct process_wait_reply end;
    uint32_t status = shell_wait_foreground(shell, pid, &end);
    if (status != OK) {
        shell_complain(shell, "waiting for %s: %s", name, status_text(status));
        shell->status = SHELL_FAILURE;
        return;
    }
    shell->status = shell_end_status(&end);
    if (end.end == PROCESS_KILLED)
        tell_killed(shell, name, &end);
}

uint64_t shell_start_program(struct shell *shell, const char *const *capabilities) {
    char path[PROCESS_PATH_MAX];
    const char *const *words = (const char *const *)shell->words.words + shell->words.assignment_count;
    struct launch_failure failure = {.status = P_NOT_FOUND};
    format_into(failure.reason, sizeof failure.reason, "command not found");
    uint64_t pid = 0;
    if (words[0][0] != '\0' && launch_path(words[0], path)) {
        shell_make_environment(shell, shell->words.assignment_count);
        const struct launch launch = {.path = path,
                                      .arguments = words,
                                      .environment = shell->environment,
                                      .group = PROCESS_GROUP_OWN,
                                      .capabilities = capabilities};
        pid = launch_spawn(shell->process, &launch, &failure);
    }
    if (pid == 0) {
        bool bare = failure.status == P_NOT_FOUND && strchr(words[0], '/') == NULL;
        shell_complain(shell, "%s: %s", words[0], bare ? "command not found" : failure.reason);
        shell->status = launch_exit_status(failure.status);
    }
    return pid;
}

static void run_program(struct shell *shell, const char *text, const struct parse_command *command) {
    uint64_t pid = shell_start_program(shell, NULL);
    if (pid != 0 && command->background) {
        shell_add_job(shell, pid, text + command->start, command->end - command->start);
        shell->status = 0;
    } else if (pid != 0) {
        shell_wait_program(shell, pid, shell->words.words[shell->words.assignment_count]);
    }
}

static void run_assignments(struct shell *shell) {
    shell->status = 0;
    for (size_t i = 0; i < shell->words.count; i++)
        if (!shell_set_variable(shell, shell->words.words[i]))
            shell->status = SHELL_FAILURE;
}

bool shell_expand(struct shell *shell, const char *text, const struct parse_command *command) {
    const struct parse_values values = {.find = find_value, .context = shell};
    struct parse_error error;
    if (parse_expand(text, command, &values, &shell->words, &error))
        return true;
    shell_complain(shell, "column %lu: %s", error.column, error.reason);
    shell->status = SHELL_USAGE;
    return false;
}

static void run_command(struct shell *shell, const char *text, const struct parse_command *command) {
    if (!shell_expand(shell, text, command))
        return;
    if (shell->words.count == shell->words.assignment_count) {
        run_assignments(shell);
    } else if (!shell_run_builtin(shell)) {
        run_program(shell, text, command);
    }
}

void shell_run_line(struct shell *shell, const char *text) {
    struct parse_error error;
    shell->interrupted = false;
    if (!parse_line(text, &shell->line, &error)) {
        shell_complain(shell, "column %lu: %s", error.column, error.reason);
        shell->status = SHELL_USAGE;
        return;
    }
    size_t length;
    for (size_t i = 0; i < shell->line.count && !shell->leaving && !shell->interrupted; i += length) {
        const struct parse_command *command = &shell->line.commands[i];
        bool due = command->join == JOIN_ALWAYS || (command->join == JOIN_AND) == (shell->status == 0);
        for (length = 1; i + length < shell->line.count && command[length].join == JOIN_PIPE; length++) {
        }
        if (due && length > 1)
            shell_run_pipeline(shell, text, command, length);
        else if (due)
            run_command(shell, text, command);
    }
}
