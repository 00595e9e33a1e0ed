#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "userland/shell/shell.h"

void shell_complain(const struct shell *shell, const char *format, ...) {
    char text[PROTOCOL_REASON_MAX + PROCESS_PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    format_into_list(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)text_make_harmless(text);
    if (shell->line_number > 0)
        print_error("%s:%lu: %s\n", shell->name, shell->line_number, text);
    else
        print_error("%s: %s\n", shell->name, text);
}

int shell_end_status(const struct process_wait_reply *end) {
    return (int)(end->end == PROCESS_EXITED ? end->value : SHELL_SIGNAL_BASE + end->value);
}

/* Find the value of $?, $$, $! or a variable. A number is returned in a buffer that the next call overwrites. */
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

bool shell_expand(struct shell *shell, const char *text, const struct parse_command *command) {
    const struct parse_values values = {.find = find_value, .context = shell};
    struct syntax_error error;
    if (parse_expand(text, command, &values, &shell->words, &error))
        return true;
    shell_complain(shell, "column %lu: %s", error.column, error.reason);
    shell->status = SHELL_USAGE;
    return false;
}

/* Run commands joined by `&&`, `||`, `|` or `;`, in the foreground. */
static void run_chain(struct shell *shell, const char *text, const struct parse_command *commands, size_t count) {
    size_t length;
    for (size_t i = 0; i < count && !shell->leaving && !shell->interrupted; i += length) {
        const struct parse_command *command = &commands[i];
        bool due = command->join == JOIN_ALWAYS || (command->join == JOIN_AND) == (shell->status == 0);
        for (length = 1; i + length < count && command[length].join == JOIN_PIPE; length++) {
        }
        shell->warned -= shell->warned > 0;
        if (due)
            shell_run_pipeline(shell, text, command, length);
    }
}

/* Run `a && b &` in a copy of the shell. */
static void run_chain_in_copy(struct shell *shell, const char *text, struct parse_command *commands, size_t count) {
    struct process_fork_request request = {.zero = 0};
    struct process_fork_reply reply;
    struct process_set_group_request own = {.pid = 0};
    struct process_set_group_reply none;
    struct job *job = shell_new_job(shell, text + commands[0].start, commands[count - 1].end - commands[0].start, true);
    if (job == NULL)
        return;
    uint32_t status = process_fork(shell->process, &request, &reply, NULL);
    if (status == OK && reply.pid == 0) {
        (void)process_set_group(shell->process, &own, &none, NULL); /* if this fails, the parent reports it */
        shell->no_input |= !shell->interactive;
        shell->first = false; /* its stopped programs stay stopped until the shell with the prompt continues them */
        shell_end_control(shell);
        memset(shell->jobs, 0, sizeof shell->jobs);
        for (size_t i = 0; i < count; i++)
            commands[i].background = 0;
        run_chain(shell, text, commands, count);
        program_exit(shell->status);
    }
    if (status == OK) {
        own.pid = reply.pid; /* parent and copy both set the group, since either may run first */
        if (process_set_group(shell->process, &own, &none, NULL) != OK)
            shell_complain(shell, "%s: no group of its own", job->text);
        shell_add_member(shell, job, reply.pid, "shell");
    } else {
        shell_complain(shell, "%s: %s", job->text, status_text(status));
        job->status = SHELL_FAILURE;
    }
    shell_job_started(shell, job);
}

void shell_run_line(struct shell *shell, const char *text) {
    struct syntax_error error;
    shell->interrupted = false;
    if (!parse_line(text, &shell->line, &error)) {
        shell_complain(shell, "column %lu: %s", error.column, error.reason);
        shell->status = SHELL_USAGE;
        return;
    }
    struct parse_command *commands = shell->line.commands;
    size_t count;
    for (size_t i = 0; i < shell->line.count && !shell->leaving && !shell->interrupted; i += count) {
        bool plain = true;
        for (count = 1; i + count < shell->line.count && commands[i + count].join != JOIN_ALWAYS; count++)
            plain = plain && commands[i + count].join == JOIN_PIPE;
        if (commands[i + count - 1].background && !plain)
            run_chain_in_copy(shell, text, &commands[i], count);
        else
            run_chain(shell, text, &commands[i], count);
    }
}
