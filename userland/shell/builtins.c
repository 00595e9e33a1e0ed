#include "libsys/print.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "userland/shell/shell.h"

/* A command that the shell runs itself, since it is about the shell. words[0] is the command's name. */
struct builtin {
    const char *name;
    const char *usage;
    void (*run)(struct shell *shell, char **words, size_t count);
};

static void run_help(struct shell *shell, char **words, size_t count);

static void run_exit(struct shell *shell, char **words, size_t count) {
    uint64_t status = (uint64_t)shell->status;
    if (count > 2 || (count == 2 && (!text_to_number(words[1], &status) || status > 255))) {
        shell_complain(shell, "exit: want one number, 0..255");
        shell->status = SHELL_USAGE;
        return;
    }
    shell->status = (int)status;
    shell->leaving = true;
}

static void run_jobs(struct shell *shell, char **words, size_t count) {
    (void)words;
    (void)count;
    shell_list_jobs(shell);
    shell->status = 0;
}

static void run_wait(struct shell *shell, char **words, size_t count) {
    shell->status = 0;
    if (count == 1)
        shell_wait_jobs(shell);
    for (size_t i = 1; i < count; i++) {
        uint64_t pid;
        if (text_to_number(words[i], &pid) && pid > 0 && pid != PROCESS_ANY) {
            shell->status = shell_wait_job(shell, pid);
        } else {
            shell_complain(shell, "wait: `%s` is not a process's number", words[i]);
            shell->status = SHELL_USAGE;
        }
    }
}

static void run_unset(struct shell *shell, char **words, size_t count) {
    for (size_t i = 1; i < count; i++)
        shell_unset_variable(shell, words[i]);
    shell->status = 0;
}

static const struct builtin builtins[] = {
    {"exit", "exit [STATUS]     leave the shell; the first shell then turns the machine off", run_exit},
    {"help", "help              this text", run_help},
    {"jobs", "jobs              what runs in the background", run_jobs},
    {"unset", "unset NAME...     forget variables", run_unset},
    {"wait", "wait [PID...]     wait for all background jobs, or for these", run_wait},
};
#define BUILTIN_COUNT (sizeof builtins / sizeof builtins[0])

static void run_help(struct shell *shell, char **words, size_t count) {
    (void)words;
    (void)count;
    print("PROGRAM [WORD...]   run /bin/PROGRAM, or a path with a slash; `ls /bin` shows what there is,\n"
          "                    and PROGRAM --help what it does\n"
          "a; b   a && b   a || b   a &   'quoted' \"quoted $NAME\"   NAME=value   $NAME $? $$ $!   # comment\n"
          "Built in:\n");
    for (size_t i = 0; i < BUILTIN_COUNT; i++)
        print("  %s\n", builtins[i].usage);
    print("Keys: arrows, Home, End, Ctrl-A E B F P N; Ctrl-U K W delete, Ctrl-L clears, Ctrl-C stops, Ctrl-D leaves\n");
    shell->status = 0;
}

bool shell_run_builtin(struct shell *shell) {
    char **words = shell->words.words + shell->words.assignment_count;
    size_t count = shell->words.count - shell->words.assignment_count;
    for (size_t i = 0; i < BUILTIN_COUNT; i++) {
        if (strcmp(words[0], builtins[i].name) != 0)
            continue;
        if (count == 2 && strcmp(words[1], "--help") == 0) {
            print("usage: %s\n", builtins[i].usage);
            shell->status = 0;
        } else {
            builtins[i].run(shell, words, count);
        }
        return true;
    }
    return false;
}
