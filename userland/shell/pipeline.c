/*
 * `a | b | c`: a pipe between each two. A program finds its ends as the capabilities `stdin` and `stdout`; they get there
 * through the shell's bag, which lets go of them again at once, or no pipe would ever end.
 */
#include "libsys/text.h"
#include "userland/lib/pipe.h"
#include "userland/shell/shell.h"

/* Start the program of shell->words with these ends. Returns its pid; 0: the user was told. */
static uint64_t start(struct shell *shell, cap_t in, cap_t out) {
    const char *names[3] = {NULL};
    size_t count = 0;
    uint32_t status = OK;
    if (in != 0) {
        names[count++] = "stdin";
        status = pipe_give("stdin", in);
    }
    if (out != 0 && status == OK) {
        names[count++] = "stdout";
        status = pipe_give("stdout", out);
    }
    uint64_t pid = 0;
    if (status == OK) {
        pid = shell_start_program(shell, names);
    } else {
        shell_complain(shell, "passing on a pipe: %s", status_text(status));
        shell->status = SHELL_FAILURE;
    }
    if (in != 0 && pipe_take_back("stdin") != OK)
        shell_complain(shell, "a pipe stays open");
    if (out != 0 && pipe_take_back("stdout") != OK)
        shell_complain(shell, "a pipe stays open");
    return pid;
}

void shell_run_pipeline(struct shell *shell, const char *text, const struct parse_command *commands, size_t count) {
    uint64_t pids[PARSE_COMMANDS_MAX] = {0};
    struct pipe_ends before = {0}, after = {0};
    int last = SHELL_FAILURE;
    for (size_t i = 0; i < count; i++) {
        uint32_t status = i + 1 < count ? pipe_make(&after) : OK;
        shell->status = SHELL_USAGE;
        if (status != OK)
            shell_complain(shell, "making a pipe: %s", status_text(status));
        else if (shell_expand(shell, text, &commands[i]) && shell->words.count > shell->words.assignment_count)
            pids[i] = start(shell, before.reader, after.writer);
        last = shell->status;
        pipe_drop(&before.reader);
        pipe_drop(&after.writer);
        before = after;
        after = (struct pipe_ends){0};
    }
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == 0)
            continue;
        shell_wait_program(shell, pids[i], "a part of the pipeline");
        last = i + 1 == count ? shell->status : last;
    }
    shell->status = last;
}
