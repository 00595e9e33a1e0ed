#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "userland/lib/kill.h"
#include "userland/shell/shell.h"

/* A command that the shell runs itself, since it concerns the shell. words[0] is the command's name. */
struct builtin {
    const char *name;
    const char *usage;
    void (*run)(struct shell *shell, char **words, size_t count);
    bool alone; /* only outside pipelines and in the foreground */
};

static void run_help(struct shell *shell, char **words, size_t count);

static void run_exit(struct shell *shell, char **words, size_t count) {
    uint64_t status = (uint64_t)shell->status;
    if (count > 2 || (count == 2 && (!text_to_number(words[1], &status) || status > 255))) {
        shell_complain(shell, "exit: want one number, 0..255");
        shell->status = SHELL_USAGE;
        return;
    }
    if (!shell_may_leave(shell))
        return;
    shell->status = (int)status;
    shell->leaving = true;
}

/* Tell the user that a command was used wrongly. */
static void misuse(struct shell *shell, const char *command, const char *problem) {
    shell_complain(shell, "%s: %s", command, problem);
    shell->status = SHELL_USAGE;
}

static void run_jobs(struct shell *shell, char **words, size_t count) {
    if (count > 1) {
        misuse(shell, words[0], "it takes no arguments");
        return;
    }
    shell_reap_jobs(shell); /* a prompt does so, but a script, or a list of commands, has had none since */
    shell_list_jobs(shell);
}

/* Find the job that `word` names, or the current job if it is NULL. NULL: there is none, and the user was told. */
static struct job *find_job(struct shell *shell, const char *command, const char *word) {
    struct job *job = shell_find_job(shell, word);
    if (job == NULL && word == NULL)
        shell_complain(shell, "%s: there is no job", command);
    else if (job == NULL)
        shell_complain(shell, "%s: %s: no such job", command, word);
    shell->status = job == NULL ? SHELL_FAILURE : 0;
    return job;
}

static void run_continue(struct shell *shell, char **words, size_t count) {
    bool background = words[0][0] == 'b';
    if (!shell->interactive || count > 2) {
        shell_complain(shell, "%s: %s", words[0],
                       count > 2 ? "want one job" : "only a shell with a prompt controls jobs");
        shell->status = count > 2 ? SHELL_USAGE : SHELL_FAILURE;
        return;
    }
    struct job *job = find_job(shell, words[0], words[1]);
    if (job != NULL)
        shell_continue_job(shell, job, background);
}

static int wait_word(struct shell *shell, const char *word) {
    uint64_t pid;
    if (word[0] == '%') {
        struct job *job = find_job(shell, "wait", word);
        return job == NULL ? SHELL_NOT_FOUND : shell_wait_job(shell, job);
    }
    if (text_to_number(word, &pid) && pid > 0 && pid != PROCESS_ANY)
        return shell_wait_pid(shell, pid);
    shell_complain(shell, "wait: `%s` is no process's number and no job", word);
    return SHELL_USAGE;
}

/* Ctrl-C ends the wait, not the jobs. */
static void run_wait(struct shell *shell, char **words, size_t count) {
    int status = 0;
    shell->interrupted = shell_take_interrupt(shell);
    if (count == 1)
        status = shell_wait_jobs(shell);
    for (size_t i = 1; i < count && !shell->interrupted; i++)
        status = wait_word(shell, words[i]);
    shell->status = shell->interrupted ? SHELL_INTERRUPTED : status;
}

/* Find a target of `kill`; `%N` is all of a job. */
static const char *find_target(void *context, const char *word, uint64_t *ret_pid) {
    const struct job *job = word[0] == '%' ? shell_find_job(context, word) : NULL;
    if (word[0] != '%')
        return kill_find_number(context, word, ret_pid);
    if (job == NULL || job->group == 0) /* a job without a group runs in the foreground of a script */
        return "no such job";
    *ret_pid = PROCESS_GROUP | job->group;
    return NULL;
}

/*
 * A stopped job would take a signal only once it is continued. So continue it if the signal is to end it, as other
 * shells do.
 */
static void wake_to_end(void *context, const char *word, uint64_t signal) {
    struct shell *shell = context;
    const struct job *job = word[0] == '%' ? shell_find_job(shell, word) : NULL;
    bool ends = signal == PROCESS_SIGTERM || signal == PROCESS_SIGHUP;
    if (ends && job != NULL && shell_job_stopped(job))
        shell_wake_job(shell, job);
}

static void run_kill(struct shell *shell, char **words, size_t count) {
    shell->status = kill_run(count, words, find_target, wake_to_end, shell);
}

static void run_unset(struct shell *shell, char **words, size_t count) {
    for (size_t i = 1; i < count; i++) {
        size_t length = scan_name_length(words[i]);
        if (length == 0 || words[i][length] != '\0') {
            shell_complain(shell, "unset: `%s` is no variable's name", words[i]);
            shell->status = SHELL_USAGE;
        } else {
            shell_unset_variable(shell, words[i]);
        }
    }
}

static const struct builtin builtins[] = {
    {"bg", "bg [%N]           let a stopped job go on in the background", run_continue, true},
    {"exit", "exit [STATUS]     leave the shell; the first shell then turns the machine off", run_exit, true},
    {"fg", "fg [%N]           let a job go on in the foreground", run_continue, true},
    {"help", "help              this text", run_help, false},
    {"jobs", "jobs              what runs in the background or is stopped", run_jobs, false},
    {"kill", "kill PID|%N...    end processes or jobs; -SIGNAL before them: another signal than TERM", run_kill, false},
    {"unset", "unset NAME...     forget variables", run_unset, false},
    {"wait", "wait [PID|%N...]  wait for all that runs in the background, or for these", run_wait, true},
};
#define BUILTIN_COUNT (sizeof builtins / sizeof builtins[0])

static void run_help(struct shell *shell, char **words, size_t count) {
    if (count > 1) {
        misuse(shell, words[0], "it takes no arguments");
        return;
    }
    print("PROGRAM [WORD...]   run a program: a path with a slash, or a name that is found by $PATH (/bin);\n"
          "                    `ls /bin` shows what there is, PROGRAM --help what it does\n"
          "a; b   a && b   a || b   a | b   a &   < FILE   > FILE   >> FILE   2> FILE   2>&1\n"
          "'quoted'   \"quoted $NAME\"   NAME=value   $NAME $? $$ $!   # comment\n"
          "Built in:\n");
    for (size_t i = 0; i < BUILTIN_COUNT; i++)
        print("  %s\n", builtins[i].usage);
    print(
        "Keys: arrows, Home, End, Ctrl-A E B F P N; Ctrl-U K W delete, Tab completes, Ctrl-R searches, Ctrl-L clears,\n"
        "Ctrl-C ends, Ctrl-Z stops, Ctrl-D leaves\n");
}

const char *shell_instead_of(const char *name) {
    static const struct {
        const char *name, *instead;
    } missing[] = {
        {"cd", "there is no current directory; write whole paths"},
        {"pwd", "there is no current directory; write whole paths"},
        {"export", "programs get every variable; write NAME=value"},
        {"set", "there are no options; `env` shows the variables"},
        {"source", "`shell FILE` runs a file, in a process of its own"},
    };
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        if (strcmp(name, missing[i].name) == 0)
            return missing[i].instead;
    return NULL;
}

const char *shell_builtin_name(size_t i) { return i < BUILTIN_COUNT ? builtins[i].name : NULL; }

static const struct builtin *find_builtin(const struct shell *shell) {
    const char *name = shell->words.words[shell->words.assignment_count];
    for (size_t i = 0; i < BUILTIN_COUNT; i++)
        if (strcmp(name, builtins[i].name) == 0)
            return &builtins[i];
    return NULL;
}

bool shell_is_builtin(const struct shell *shell) { return find_builtin(shell) != NULL; }

void shell_run_builtin(struct shell *shell, bool alone) {
    const struct builtin *builtin = find_builtin(shell);
    char **words = shell->words.words + shell->words.assignment_count;
    size_t count = shell->words.count - shell->words.assignment_count;
    shell->status = 0;
    if (count == 2 && strcmp(words[1], "--help") == 0) {
        print("usage: %s\n", builtin->usage);
    } else if (builtin->alone && !alone) {
        shell_complain(shell, "%s: no part of a pipeline, and not for the background", words[0]);
        shell->status = SHELL_USAGE;
    } else {
        builtin->run(shell, words, count);
    }
}
