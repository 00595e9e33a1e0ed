/*
 * Runs one job: a single command, or `a | b | c` with a pipe between neighbours. A program gets its ends as the
 * capabilities `stdin` and `stdout`. The shell drops its own copies at once, or no pipe would ever report its end.
 *
 * A built-in command of a pipeline runs in the shell itself when its turn to be started comes. Nobody reads its output
 * yet, so all of it must fit a pipe (PIPE_BYTES).
 */
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/launch.h"
#include "userland/lib/pipe.h"
#include "userland/shell/shell.h"

/* A command that is being started. */
struct stage {
    struct job *job; /* NULL: a single command that the shell runs itself */
    struct shell_streams streams;
    bool alone; /* nothing else runs at the same time */
};

/* Start a program. Returns its pid; 0: *ret_failure says why not. */
static uint64_t spawn(struct shell *shell, const struct stage *stage, struct launch_failure *ret_failure) {
    static const char *const names[SCAN_STREAMS] = {"stdin", "stdout", "stderr"};
    struct launch_capability streams[SCAN_STREAMS];
    size_t count = 0;
    for (size_t i = 0; i < SCAN_STREAMS; i++)
        if (stage->streams.caps[i] != 0)
            streams[count++] = (struct launch_capability){names[i], stage->streams.caps[i]};
    shell_make_environment(shell, shell->words.assignment_count);
    struct launch launch = {.arguments = (const char *const *)shell->words.words + shell->words.assignment_count,
                            .environment = shell->environment,
                            .group = shell_job_group(shell, stage->job),
                            .capabilities = streams,
                            .capability_count = count};
    const char *search = shell_environment_variable(shell, "PATH"); /* PATH=... before the command counts */
    return launch_search_spawn(shell->process, &launch, search != NULL ? search : LAUNCH_SEARCH, ret_failure);
}

static void start_program(struct shell *shell, const struct stage *stage) {
    const char *name = shell->words.words[shell->words.assignment_count];
    struct launch_failure failure;
    uint64_t pid = spawn(shell, stage, &failure);
    if (pid != 0) {
        shell_add_member(shell, stage->job, pid, name);
        return;
    }
    const char *instead = failure.status == P_NOT_FOUND ? shell_instead_of(name) : NULL;
    shell_complain(shell, "%s: %s", name, instead != NULL ? instead : failure.reason);
    shell->status = launch_exit_status(failure.status);
}

static void run_assignments(struct shell *shell) {
    shell->status = 0;
    for (size_t i = 0; i < shell->words.count; i++)
        if (!shell_set_variable(shell, shell->words.words[i]))
            shell->status = SHELL_FAILURE;
}

/* Run a command that needs no program. False: shell->words names a program. */
static bool run_inside(struct shell *shell, const struct stage *stage) {
    if (shell->words.count == shell->words.assignment_count) {
        shell->status = 0;
        if (stage->alone)
            run_assignments(shell);
        return true;
    }
    if (!shell_is_builtin(shell))
        return false;
    (void)print_refused();
    shell_run_builtin(shell, stage->alone);
    uint32_t status = print_refused();
    if (status != OK) {
        shell_complain(shell, "%s: stdout: %s", shell->words.words[shell->words.assignment_count], status_text(status));
        shell->status = SHELL_FAILURE;
    }
    return true;
}

/* Run a stage, whose words are expanded. If it is the last and not a program, shell->status is the job's. */
static void start(struct shell *shell, struct stage *stage) {
    if (shell_redirect(shell, &stage->streams) && !run_inside(shell, stage))
        start_program(shell, stage);
    shell_end_redirect(&stage->streams);
}

/* Make all pipes before any command starts. If one can't be made, none may run: it would read or write elsewhere. */
static bool make_pipes(struct shell *shell, struct pipe_ends *pipes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t status = pipe_make(&pipes[i]);
        if (status == OK)
            continue;
        shell_complain(shell, "making a pipe: %s", status_text(status));
        while (i-- > 0) {
            pipe_drop(&pipes[i].reader);
            pipe_drop(&pipes[i].writer);
        }
        return false;
    }
    return true;
}

/*
 * For a background job whose last command is not a process: add a process that only ends with the status, for `$!` and
 * `wait`.
 */
static void start_stand_in(struct shell *shell, struct job *job) {
    struct process_fork_request request = {.zero = 0};
    struct process_fork_reply reply;
    uint32_t status = process_fork(shell->process, &request, &reply, NULL);
    if (status == OK && reply.pid == 0)
        program_exit(shell->status);
    if (status == OK)
        shell_add_member(shell, job, reply.pid, "shell");
    else
        shell_complain(shell, "%s: no process to wait for: %s", job->text, status_text(status));
}

/*
 * Without job control nobody could continue a job that the terminal stopped. So it must not read from there, as in sh.
 */
static bool reads_nothing(const struct shell *shell, const struct job *job) {
    return shell->no_input || (job->background && !shell->interactive);
}

static void start_all(struct shell *shell, const char *text, const struct parse_command *commands, size_t count,
                      struct job *job) {
    struct pipe_ends pipes[PARSE_COMMANDS_MAX + 1] = {
        {0}}; /* [i] leads to command i; [0] is empty or has no writer; the last is empty */
    int status_before = shell->status;
    size_t first = reads_nothing(shell, job) ? 0 : 1;
    if (!make_pipes(shell, &pipes[first], count - first)) {
        job->status = SHELL_FAILURE;
        return;
    }
    pipe_drop(&pipes[0].writer);
    for (size_t i = 0; i < count; i++) {
        struct stage stage = {.job = job, .streams = {.caps = {pipes[i].reader, pipes[i + 1].writer}}};
        job->last_pid = 0;
        shell->status = status_before; /* for $? */
        if (shell_expand(shell, text, &commands[i]))
            start(shell, &stage);
        pipe_drop(&pipes[i].reader);
        pipe_drop(&pipes[i + 1].writer);
    }
    job->status = shell->status;
    if (job->background && job->last_pid == 0)
        start_stand_in(shell, job);
}

void shell_run_pipeline(struct shell *shell, const char *text, const struct parse_command *commands, size_t count) {
    const struct parse_command *last = &commands[count - 1];
    bool background = last->background != 0;
    if (count == 1 && !background && !shell_expand(shell, text, commands))
        return;
    bool inside = shell->words.count == shell->words.assignment_count || shell_is_builtin(shell);
    if (count == 1 && !background && inside) { /* there is no job */
        struct stage stage = {.alone = true};
        start(shell, &stage);
        return;
    }
    struct job *job = shell_new_job(shell, text + commands->start, last->end - commands->start, background);
    if (job == NULL)
        return;
    start_all(shell, text, commands, count, job);
    shell_job_started(shell, job);
}
