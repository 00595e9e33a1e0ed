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

#include "libsys/proto/console.h"
#include "libsys/proto/process.h"
#include "libsys/text/format.h"
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
    SHELL_NOT_RUN = 126, /* found, but it can't be run */
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

/* A command or pipeline that the shell has started. */
struct job {
    unsigned number;   /* N of [N], 1..SHELL_JOBS_MAX; 0: the entry is free */
    uint64_t group;    /* process group; 0: the shell's own, or none yet */
    uint64_t turn;     /* the job with the highest turn is the current one */
    bool background;   /* the shell does not wait for it */
    uint64_t last_pid; /* of its last command, whose status is the job's; 0: that was not started */
    int status;        /* of the job once it is over; before, of the last command that was not started */
    uint64_t signal;   /* that ended the last command; 0: it exited */
    const char *lack;  /* what it was killed for lack of; NULL: something else ended it */
    uint64_t stop_signal;
    bool stop_told;
    size_t count;
    struct job_member members[PARSE_COMMANDS_MAX];
    char text[SHELL_JOB_TEXT];
};

struct shell {
    cap_t console, files, init, process;
    uint64_t pid;
    const char *name;         /* for messages: the name that it was called by, or the script */
    uint64_t line_number;     /* of the script; 0: none */
    bool first;               /* the system's first shell, not a copy of it */
    bool interactive;         /* it has a prompt, and controls jobs */
    bool no_input;            /* a background copy without job control: its commands read nothing */
    unsigned warned;          /* of stopped jobs: 1 by the last command, 2 just now */
    int status;               /* $? */
    bool leaving;             /* `exit` was run: status is the shell's own */
    bool interrupted;         /* Ctrl-C ended a command: the rest of its line or script is skipped */
    uint64_t last_background; /* $!; 0: none */

    uint64_t turns; /* see struct job */
    struct job jobs[SHELL_JOBS_MAX];
    char variables[SHELL_VARIABLES_MAX][SHELL_VARIABLE_BYTES]; /* NAME=value; empty: free */
    const char *environment[SHELL_VARIABLES_MAX + 1];          /* for the next program; ends with NULL */

    struct parse_line line;
    struct parse_words words;
    struct line_editor editor;
};

/* Print a message for the user, with the shell's name and, in a script, the line number. */
FORMAT_LIKE(2, 3) void shell_complain(const struct shell *shell, const char *format, ...);

/* run.c: run all commands of a line, zero-terminated and without a newline. Sets shell->status. */
void shell_run_line(struct shell *shell, const char *text);

/* Expand the words of a command into shell->words. False: the user was told, and shell->status is set. */
bool shell_expand(struct shell *shell, const char *text, const struct parse_command *command);

/*
 * pipeline.c: run `count` commands of the line as one job, with a pipe between neighbours, or a single built-in
 * command. Sets shell->status.
 */
void shell_run_pipeline(struct shell *shell, const char *text, const struct parse_command *commands, size_t count);

/* The standard streams of a command. */
struct shell_streams {
    cap_t caps[SCAN_STREAMS]; /* by enum stream_standard; 0: the shell's own */
    cap_t opened[PARSE_REDIRECTS_MAX];
    size_t opened_count;
};

/*
 * redirect.c: open the files of shell->words in *streams, where they override the ends of pipes. The shell's own
 * streams are replaced, too, so that its messages about the command go there. False: the user was told, and
 * shell->status is set. Call shell_end_redirect in any case.
 */
bool shell_redirect(struct shell *shell, struct shell_streams *streams);
void shell_end_redirect(struct shell_streams *streams);

/*
 * tab.c: complete the word before the editor's cursor; the editor's output is what to show. again: the key before was
 * Tab, too.
 */
void shell_complete(struct shell *shell, bool again);

/* builtins.c: returns the name of built-in command `i`; NULL: there are no more. */
const char *shell_builtin_name(size_t i);
/* What to do instead of `name`, a command that other shells have built in. NULL: it is none of these. */
const char *shell_instead_of(const char *name);
/* Whether the command of shell->words is built in. */
bool shell_is_builtin(const struct shell *shell);
/* Run it and set shell->status. alone: it is neither part of a pipeline nor in the background. */
void shell_run_builtin(struct shell *shell, bool alone);

/* control.c: begin job control for a prompt; end it in a background copy of the shell. */
void shell_begin_control(struct shell *shell);
void shell_end_control(struct shell *shell);
/* Whether Ctrl-C was typed while the shell itself had the keys. */
bool shell_take_interrupt(const struct shell *shell);
/*
 * Wait for a child, see process_wait. If the process server does not know stops, waits without them. Errors: those of
 * process_wait.
 */
MUST_USE uint32_t shell_wait_for(const struct shell *shell, uint64_t pid, uint64_t flags,
                                 struct process_wait_reply *ret_news);
/*
 * Wait for a child or Ctrl-C, which gives P_INTERRUPTED. No Ctrl-C is lost, whenever it comes. Other errors: those of
 * process_wait.
 */
MUST_USE uint32_t shell_wait_or_interrupt(const struct shell *shell, uint64_t pid, uint64_t flags,
                                          struct process_wait_reply *ret_news);
/*
 * Continue after the job's commands were started: wait for it in the foreground, or go on in the background. Sets
 * shell->status.
 */
void shell_job_started(struct shell *shell, struct job *job);
/* Continue a job, for `fg` and `bg`. */
void shell_continue_job(struct shell *shell, struct job *job, bool background);
/* Send CONT to its processes, in the foreground or background. */
void shell_wake_job(const struct shell *shell, const struct job *job);
/* Whether the shell may be left. False: there are stopped jobs, and the user was warned of them for the first time. */
bool shell_may_leave(struct shell *shell);
void shell_end_stopped_jobs(struct shell *shell);

/* jobs.c: make an entry for a command of `length` bytes. NULL: the user was told, and shell->status is set. */
struct job *shell_new_job(struct shell *shell, const char *text, size_t length, bool background);
/* Returns the group to ask process_spawn for. */
uint64_t shell_job_group(const struct shell *shell, const struct job *job);
void shell_add_member(const struct shell *shell, struct job *job, uint64_t pid, const char *name);
/*
 * Find the job `%N`. word NULL, `%` or `%+`: the current job, which was stopped or put into the background last. NULL:
 * there is none.
 */
struct job *shell_find_job(struct shell *shell, const char *word);
/* Whether at least one of its processes is stopped and none runs. */
bool shell_job_stopped(const struct job *job);
void shell_make_current(struct shell *shell, struct job *job);
/* Record the news of a child. Returns its job; NULL: it belongs to none. */
struct job *shell_note_news(struct shell *shell, const struct process_wait_reply *news);
/* Report a job that has stopped or, with `told`, is over. True: it is over, and its entry is free. */
bool shell_settle_job(struct shell *shell, struct job *job, bool told);
/* Report all jobs that have ended or stopped. */
void shell_reap_jobs(struct shell *shell);
void shell_list_jobs(const struct shell *shell);
/*
 * Wait until a child, all of a job, or all running jobs have ended or stopped. Each returns the exit status;
 * SHELL_NOT_FOUND: there is no such child, and the user was told. shell->interrupted: Ctrl-C ended the wait.
 */
int shell_wait_pid(struct shell *shell, uint64_t pid);
int shell_wait_job(struct shell *shell, struct job *job);
int shell_wait_jobs(struct shell *shell);

/* Returns a shell's exit status for the end or stop of a process. */
int shell_end_status(const struct process_wait_reply *end);

/* variables.c: take over the variables of the shell's own environment. */
void shell_import_variables(struct shell *shell, char *const *environment);
/* Returns the value; NULL: unset. */
const char *shell_variable(const struct shell *shell, const char *name);
/* Set NAME=value. False: there is no room, or it is too long; the user was told. */
bool shell_set_variable(struct shell *shell, const char *assignment);
void shell_unset_variable(struct shell *shell, const char *name);
/* Fill shell->environment with all variables; the first `count` words, which are assignments, override them. */
void shell_make_environment(struct shell *shell, size_t count);
/* Returns the value in shell->environment; NULL: unset. */
const char *shell_environment_variable(const struct shell *shell, const char *name);

/* script.c: run the lines of a file. Returns OK, or why it could not be read (P_NOT_FOUND, ...). */
MUST_USE uint32_t shell_run_file(struct shell *shell, const char *path);
/* Run the lines that a stream delivers. Returns OK, or why it could not be read. */
MUST_USE uint32_t shell_run_stream(struct shell *shell, cap_t stream);
/* Report a line that is too long or has a zero byte; none of it runs. */
void shell_refuse_line(struct shell *shell, enum line_event why);
/* Run the lines of `text`. */
void shell_run_text(struct shell *shell, const char *text);

/* prompt.c: set the console's mode, see libsys/proto/console.h. */
void shell_set_console(const struct shell *shell, enum console_mode mode);
/* Read and run lines from the console until the end of input or `exit`. */
void shell_run_prompt(struct shell *shell);
