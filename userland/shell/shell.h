/*
 * The shell's state and its parts.
 *
 *     main.c ---> prompt.c (lines typed) --\
 *            \--> script.c (lines of a file) --> run.c (one line) --> parse.c, pipeline.c, builtins.c, jobs.c, variables.c
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/format.h"
#include "libsys/proto/process.h"
#include "userland/shell/line.h"
#include "userland/shell/parse.h"

#define SHELL_VARIABLES_MAX 64U
#define SHELL_VARIABLE_BYTES 256U /* NAME=value and its terminating zero */
#define SHELL_JOBS_MAX 16U
#define SHELL_JOB_TEXT 64U /* bytes of a job's command that are kept for notices */

enum shell_exit_status {
    SHELL_FAILURE = 1,
    SHELL_USAGE = 2,     /* syntax error, wrong use of a built-in command */
    SHELL_NOT_RUN = 126, /* found, but it could not be run */
    SHELL_NOT_FOUND = 127,
    SHELL_SIGNAL_BASE = 128, /* + number of the signal that ended it */
};

/* A child in the background. pid 0 = the entry is free. */
struct job {
    uint64_t pid;
    unsigned number; /* what [N] says; 1..SHELL_JOBS_MAX */
    char text[SHELL_JOB_TEXT];
};

struct shell {
    cap_t console, files, init, process;
    uint64_t pid;
    const char *name;     /* for messages: what it was called, or the script */
    uint64_t line_number; /* of the script; 0 = none */
    bool interactive;
    int status;               /* $? */
    bool leaving;             /* `exit` was run: status is the shell's own */
    bool interrupted;         /* Ctrl-C ended a command: the rest of its line or script is given up */
    uint64_t last_background; /* $!; 0 = none */

    struct job jobs[SHELL_JOBS_MAX];
    char variables[SHELL_VARIABLES_MAX][SHELL_VARIABLE_BYTES]; /* NAME=value; empty = free */
    const char *environment[SHELL_VARIABLES_MAX + 1];          /* for the next program; ends with NULL */

    struct parse_line line;
    struct parse_words words;
    struct line_editor editor;
};

/* A message to the user, with the shell's name, and the line number in a script. */
FORMAT_LIKE(2, 3) void shell_complain(const struct shell *shell, const char *format, ...);

/* run.c: run all commands of a line, zero-terminated and without a newline. Sets shell->status. */
void shell_run_line(struct shell *shell, const char *text);

/* The words of a command, expanded, in shell->words. False: the user was told, and shell->status is set. */
bool shell_expand(struct shell *shell, const char *text, const struct parse_command *command);
/*
 * Start the program of shell->words. capabilities: as in struct launch. Returns its pid, or 0: the user was told, and
 * shell->status is set.
 */
uint64_t shell_start_program(struct shell *shell, const char *const *capabilities);
/* Wait for it, tell the user if it was killed, and set shell->status. */
void shell_wait_program(struct shell *shell, uint64_t pid, const char *name);

/* pipeline.c: run `count` commands of the line, at least 2, each reading what the one before writes. */
void shell_run_pipeline(struct shell *shell, const char *text, const struct parse_command *commands, size_t count);

/* Wait for a child, which Ctrl-C ends meanwhile; if it did, shell->interrupted is set. Errors: those of process_wait. */
MUST_USE uint32_t shell_wait_foreground(struct shell *shell, uint64_t pid, struct process_wait_reply *ret_end);

/* How a process ended, as a shell's exit status. */
int shell_end_status(const struct process_wait_reply *end);

/* builtins.c: run words[0] if it is built in, setting shell->status. Returns whether it was. */
bool shell_run_builtin(struct shell *shell);

/* jobs.c: keep a background child in mind and tell the user. */
void shell_add_job(struct shell *shell, uint64_t pid, const char *text, size_t length);
/* Tell the user of all background children that have ended. */
void shell_reap_jobs(struct shell *shell);
void shell_list_jobs(const struct shell *shell);
/* Wait for all background children, one after another; Ctrl-C ends the one whose turn it is, and the waiting. */
void shell_wait_jobs(struct shell *shell);
/* The same for one of them. Returns its exit status, or SHELL_NOT_FOUND if there is no such child. */
int shell_wait_job(struct shell *shell, uint64_t pid);

/* variables.c: take those of the shell's own environment. */
void shell_import_variables(struct shell *shell, char *const *environment);
/* The value, or NULL. */
const char *shell_variable(const struct shell *shell, const char *name);
/* Set NAME=value. False, and the user was told: no room, or too long. */
bool shell_set_variable(struct shell *shell, const char *assignment);
void shell_unset_variable(struct shell *shell, const char *name);
/* Fill shell->environment: all variables, and over them the first `count` words, which are assignments. */
void shell_make_environment(struct shell *shell, size_t count);

/* script.c: run the lines of a file. Returns OK, or why it could not be read (P_NOT_FOUND, ...). */
MUST_USE uint32_t shell_run_file(struct shell *shell, const char *path);
/* Run the lines of `text`. */
void shell_run_text(struct shell *shell, const char *text);

/* prompt.c: read and run lines from the console until the end of input or `exit`. */
void shell_run_prompt(struct shell *shell);
