/*
 * One job: `a | b | c`, a pipe between each two, or a single command. A program finds its ends as the capabilities `stdin` and
 * `stdout`; they get there through the shell's bag, which lets go of them again at once, or no pipe would ever end.
 *
 * What is built in runs in the shell itself when its turn to be started comes, so what it prints has to fit a pipe (PIPE_BYTES):
 * nobody reads yet.
 */
#include "libsys/stream.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "userland/lib/launch.h"
#include "userland/lib/pipe.h"
#include "userland/shell/shell.h"

/* A command that is being started. */
struct stage {
    struct job *job; /* NULL: there is but this command, in the foreground, and no job has begun */
    cap_t in, out;   /* 0 = the shell's own */
    bool alone;      /* no other runs at the same time */
};

/* Returns the program's pid; 0: *ret_failure. */
static uint64_t spawn(struct shell *shell, const struct job *job, const char *const *capabilities,
                      struct launch_failure *ret_failure) {
    char path[PROCESS_PATH_MAX];
    const char *const *words = (const char *const *)shell->words.words + shell->words.assignment_count;
    *ret_failure = (struct launch_failure){.status = P_NOT_FOUND, .reason = "command not found"};
    if (words[0][0] == '\0' || !launch_path(words[0], path))
        return 0;
    shell_make_environment(shell, shell->words.assignment_count);
    const struct launch launch = {.path = path,
                                  .arguments = words,
                                  .environment = shell->environment,
                                  .group = shell_job_group(shell, job),
                                  .capabilities = capabilities};
    return launch_spawn(shell->process, &launch, ret_failure);
}

static void start_program(struct shell *shell, const struct stage *stage) {
    static const char *const names[] = {PIPE_NAME("stdin"), PIPE_NAME("stdout")};
    static const char *const ends[] = {"stdin", "stdout"};
    const cap_t caps[] = {stage->in, stage->out};
    const char *given[3] = {NULL};
    const char *name = shell->words.words[shell->words.assignment_count];
    size_t count = 0;
    uint32_t status = OK;
    for (size_t i = 0; i < 2 && status == OK; i++) {
        if (caps[i] == 0)
            continue;
        status = pipe_give(ends[i], caps[i]);
        given[count++] = names[i];
    }
    struct launch_failure failure;
    uint64_t pid = 0;
    if (status == OK) {
        pid = spawn(shell, stage->job, given, &failure);
    } else {
        shell_complain(shell, "%s: passing on a pipe: %s", name, status_text(status));
        shell->status = SHELL_FAILURE;
    }
    for (size_t i = 0; i < 2; i++)
        if (caps[i] != 0 && pipe_take_back(ends[i]) != OK)
            shell_complain(shell, "%s: a pipe stays open", name);
    if (pid != 0) {
        shell_add_member(shell, stage->job, pid, name);
    } else if (status == OK) {
        bool bare = failure.status == P_NOT_FOUND && strchr(name, '/') == NULL;
        shell_complain(shell, "%s: %s", name, bare ? "command not found" : failure.reason);
        shell->status = launch_exit_status(failure.status);
    }
}

static void run_assignments(struct shell *shell) {
    shell->status = 0;
    for (size_t i = 0; i < shell->words.count; i++)
        if (!shell_set_variable(shell, shell->words.words[i]))
            shell->status = SHELL_FAILURE;
}

/* Do what the shell does itself. False: shell->words is a program. */
static bool run_inside(struct shell *shell, const struct stage *stage) {
    if (shell->words.count == shell->words.assignment_count) {
        shell->status = 0;
        if (stage->alone)
            run_assignments(shell);
        return true;
    }
    if (!shell_is_builtin(shell))
        return false;
    stream_replace(STREAM_OUT, stage->out);
    shell_run_builtin(shell, stage->alone);
    stream_replace(STREAM_OUT, 0);
    return true;
}

/* The command of a stage. If it is the last and no program: shell->status is the job's. */
static void start(struct shell *shell, const char *text, const struct parse_command *command, struct stage *stage) {
    if (shell_expand(shell, text, command) && !run_inside(shell, stage))
        start_program(shell, stage);
}

static void start_all(struct shell *shell, const char *text, const struct parse_command *commands, size_t count,
                      struct job *job) {
    struct pipe_ends before = {0}, after = {0};
    for (size_t i = 0; i < count; i++) {
        uint32_t status = i + 1 < count ? pipe_make(&after) : OK;
        struct stage stage = {job, before.reader, after.writer, false};
        job->last_pid = 0;
        shell->status = SHELL_FAILURE;
        if (status == OK)
            start(shell, text, &commands[i], &stage);
        else
            shell_complain(shell, "making a pipe: %s", status_text(status));
        pipe_drop(&before.reader);
        pipe_drop(&after.writer);
        before = after;
        after = (struct pipe_ends){0};
    }
    job->status = shell->status;
}

void shell_run_pipeline(struct shell *shell, const char *text, const struct parse_command *commands, size_t count) {
    const struct parse_command *last = &commands[count - 1];
    bool background = last->background != 0;
    if (count == 1 && !background) {
        struct stage stage = {.alone = true};
        if (!shell_expand(shell, text, commands) || run_inside(shell, &stage))
            return;
        stage.job = shell_new_job(shell, text + commands->start, commands->end - commands->start, false);
        if (stage.job == NULL)
            return;
        start_program(shell, &stage);
        stage.job->status = shell->status;
        shell_job_started(shell, stage.job);
        return;
    }
    struct job *job = shell_new_job(shell, text + commands->start, last->end - commands->start, background);
    if (job == NULL)
        return;
    start_all(shell, text, commands, count, job);
    shell_job_started(shell, job);
}
