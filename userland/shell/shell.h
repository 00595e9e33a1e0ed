/*
 * The shell's state and its parts.
 *
 *     main.c ---> prompt.c (lines typed) --\        line.c (the line editor), tab.c and complete.c (its Tab key)
 *            \--> script.c (lines of a file) --> run.c (one line) --> parse.c, variables.c
 *                                                  \--> pipeline.c (one job) --> builtins.c, control.c --> jobs.c
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/format.h"
#include "libsys/proto/console.h"
#include "libsys/proto/process.h"
#include "userland/shell/line.h"
#include "userland/shell/parse.h"

#define SHELL_VARIABLES_MAX 64U
#define SHELL_VARIABLE_BYTES 256U /* NAME=value and its terminating zero */
#define SHELL_JOBS_MAX 16U
#define SHELL_FIRST_PID 1U
#define SHELL_JOB_TEXT 64U /* bytes of a job's command that are kept for notices */

enum shell_exit_status {
    SHELL_FAILURE = 1,
    SHELL_USAGE = 2,     /* syntax error, wrong use of a built-in command */
    SHELL_NOT_RUN = 126, /* found, but it could not be run */
    SHELL_NOT_FOUND = 127,
    SHELL_SIGNAL_BASE = 128, /* + number of the signal that ended it */
    SHELL_INTERRUPTED = SHELL_SIGNAL_BASE + (int)PROCESS_SIGINT,
};

/* One process of a job. */
struct job_member {
    uint64_t pid;
    bool ended, stopped;
    char name[PROCESS_NAME_MAX]; /* for messages, cut to fit */
};

/* What one command or pipeline has started. */
struct job {
    unsigned number;    /* what [N] says; 1..SHELL_JOBS_MAX; 0 = the entry is free */
    uint64_t group;     /* the process group; 0 = the shell's own, or none yet */
    uint64_t turn;      /* the highest is the current job */
    bool background;    /* it was not waited for */
    uint64_t last_pid;  /* of its last command, whose status is the job's; 0 = that was not started */
    int status;         /* once it is over; before: of the last command that was not started */
    uint64_t signal;    /* that ended the last command; 0 = it exited */
    bool out_of_memory; /* ... to have pages for others */
    uint64_t stop_signal;
    bool stop_told;
    size_t count;
    struct job_member members[PARSE_COMMANDS_MAX];
    char text[SHELL_JOB_TEXT];
};

struct shell {
    cap_t console, files, init, process;
    uint64_t pid;
    const char *name;         /* for messages: what it was called, or the script */
    uint64_t line_number;     /* of the script; 0 = none */
    bool first;               /* the system's first shell, and no copy of it */
    bool interactive;         /* it has a prompt, and controls jobs */
    bool no_input;            /* a copy in the background, and nobody controls jobs: what it runs reads nothing */
    unsigned warned;          /* of stopped jobs, by the last command (1), or just now (2) */
    int status;               /* $? */
    bool leaving;             /* `exit` was run: status is the shell's own */
    bool interrupted;         /* Ctrl-C ended a command: the rest of its line or script is given up */
    uint64_t last_background; /* $!; 0 = none */

    uint64_t turns; /* see struct job */
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
 * pipeline.c: run `count` commands of the line, each reading what the one before writes, as a job of their own, or a single one
 * that is built in. Sets shell->status.
 */
void shell_run_pipeline(struct shell *shell, const char *text, const struct parse_command *commands, size_t count);

/* What a command reads and writes. */
struct shell_streams {
    cap_t caps[PARSE_STREAMS]; /* by enum stream_standard; 0 = the shell's own */
    cap_t opened[PARSE_REDIRECTS_MAX];
    size_t opened_count;
};

/*
 * redirect.c: open the files of shell->words, over the ends of pipes that are in *streams, and have them in the place of the
 * shell's own, so that what it says of the command goes there too. False: the user was told, and shell->status is set. Followed by
 * shell_end_redirect in any case.
 */
bool shell_redirect(struct shell *shell, struct shell_streams *streams);
void shell_end_redirect(struct shell_streams *streams);

/* tab.c: complete the word before the editor's cursor; what is to be shown is in its output. again: Tab was the
 * key before, too. */
void shell_complete(struct shell *shell, bool again);

/* builtins.c: the name of a command that is built in; NULL: there are no more. */
const char *shell_builtin_name(size_t i);
/* Is the command of shell->words built in? */
bool shell_is_builtin(const struct shell *shell);
/* Run it, setting shell->status. alone: no part of a pipeline, and not in the background. */
void shell_run_builtin(struct shell *shell, bool alone);

/* control.c: have a prompt, or (a copy of the shell in the background) none any more. */
void shell_begin_control(struct shell *shell);
void shell_end_control(struct shell *shell);
/* Was Ctrl-C typed while the shell itself had the keys? */
bool shell_take_interrupt(const struct shell *shell);
/* Errors: those of process_wait. A process server without stops is asked without them. */
MUST_USE uint32_t shell_wait_for(const struct shell *shell, uint64_t pid, uint64_t flags,
                                 struct process_wait_reply *ret_news);
/* The same, but Ctrl-C ends it: P_INTERRUPTED. None is lost, whenever it comes. */
MUST_USE uint32_t shell_wait_or_interrupt(const struct shell *shell, uint64_t pid, uint64_t flags,
                                          struct process_wait_reply *ret_news);
/* All commands of a job that can be are started: wait for it in the foreground, or go on. Sets shell->status. */
void shell_job_started(struct shell *shell, struct job *job);
/* `fg` and `bg`. */
void shell_continue_job(struct shell *shell, struct job *job, bool background);
/* Let its processes go on, wherever. */
void shell_wake_job(const struct shell *shell, const struct job *job);
/* May the shell be left? False: there are stopped jobs, and the user was told, for the first time. */
bool shell_may_leave(struct shell *shell);
void shell_end_stopped_jobs(struct shell *shell);

/* jobs.c: an entry for a command of `length` bytes. NULL: the user was told, and shell->status is set. */
struct job *shell_new_job(struct shell *shell, const char *text, size_t length, bool background);
/* What process_spawn is to be asked for. */
uint64_t shell_job_group(const struct shell *shell, const struct job *job);
void shell_add_member(const struct shell *shell, struct job *job, uint64_t pid, const char *name);
/* `%N`; NULL, `%` or `%+` = the one stopped or put into the background last. NULL: there is none. */
struct job *shell_find_job(struct shell *shell, const char *word);
/* At least one process is stopped, and none runs. */
bool shell_job_stopped(const struct job *job);
void shell_make_current(struct shell *shell, struct job *job);
/* Note what process_wait told. NULL: it was of no job. */
struct job *shell_note_news(struct shell *shell, const struct process_wait_reply *news);
/* Tell if the job is stopped, or (`told`) over. True: it is over, and its entry free. */
bool shell_settle_job(struct shell *shell, struct job *job, bool told);
/* Tell the user of all jobs that have ended or stopped. */
void shell_reap_jobs(struct shell *shell);
void shell_list_jobs(const struct shell *shell);
/*
 * Wait for a child, or until it stops: for all of a job; for all that run. They return the exit status; with SHELL_NOT_FOUND
 * the user was told that there is no such child. shell->interrupted: Ctrl-C ended the waiting.
 */
int shell_wait_pid(struct shell *shell, uint64_t pid);
int shell_wait_job(struct shell *shell, struct job *job);
int shell_wait_jobs(struct shell *shell);

/* How a process ended or stopped, as a shell's exit status. */
int shell_end_status(const struct process_wait_reply *end);

/* variables.c: take those of the shell's own environment. */
void shell_import_variables(struct shell *shell, char *const *environment);
/* The value, or NULL. */
const char *shell_variable(const struct shell *shell, const char *name);
/* Set NAME=value. False, and the user was told: no room, or too long. */
bool shell_set_variable(struct shell *shell, const char *assignment);
void shell_unset_variable(struct shell *shell, const char *name);
/* Fill shell->environment: all variables, and over them the first `count` words, which are assignments. */
void shell_make_environment(struct shell *shell, size_t count);
/* The value there, or NULL. */
const char *shell_environment_variable(const struct shell *shell, const char *name);

/* script.c: run the lines of a file. Returns OK, or why it could not be read (P_NOT_FOUND, ...). */
MUST_USE uint32_t shell_run_file(struct shell *shell, const char *path);
/* ... of what another program writes. Returns OK, or why it could not be read. */
MUST_USE uint32_t shell_run_stream(struct shell *shell, cap_t stream);
/* Tell that a line is too long; none of it runs. */
void shell_refuse_line(struct shell *shell, enum line_event why);
/* Run the lines of `text`. */
void shell_run_text(struct shell *shell, const char *text);

/* prompt.c: choose who reads what is typed, see libsys/proto/console.h. */
void shell_set_console(const struct shell *shell, enum console_mode mode);
/* Read and run lines from the console until the end of input or `exit`. */
void shell_run_prompt(struct shell *shell);
