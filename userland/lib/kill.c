#include "userland/lib/kill.h"

#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"

const char kill_usage[] =
    "kill [-SIGNAL] PID...    send a signal (default TERM), which ends most processes; -- -GROUP: all of a\n"
    "       group. SIGNAL is a number or HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM\n"
    "       TERM CHLD CONT STOP TSTP; 0 only asks whether it could be done";

/* Find a signal by number, or by name with or without SIG. Returns false if there is none. */
static bool find_signal(const char *text, uint64_t *ret_signal) {
    static const struct {
        const char *name;
        uint64_t number;
    } signals[] = {
        {"HUP", PROCESS_SIGHUP},   {"INT", PROCESS_SIGINT},   {"QUIT", PROCESS_SIGQUIT}, {"ILL", PROCESS_SIGILL},
        {"TRAP", PROCESS_SIGTRAP}, {"ABRT", PROCESS_SIGABRT}, {"BUS", PROCESS_SIGBUS},   {"FPE", PROCESS_SIGFPE},
        {"KILL", PROCESS_SIGKILL}, {"USR1", PROCESS_SIGUSR1}, {"SEGV", PROCESS_SIGSEGV}, {"USR2", PROCESS_SIGUSR2},
        {"PIPE", PROCESS_SIGPIPE}, {"ALRM", PROCESS_SIGALRM}, {"TERM", PROCESS_SIGTERM}, {"CHLD", PROCESS_SIGCHLD},
        {"CONT", PROCESS_SIGCONT}, {"STOP", PROCESS_SIGSTOP}, {"TSTP", PROCESS_SIGTSTP},
    };
    if (text_to_number(text, ret_signal))
        return *ret_signal <= PROCESS_SIGNAL_MAX;
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (strcmp(text, signals[i].name) == 0) {
            *ret_signal = signals[i].number;
            return true;
        }
    }
    return false;
}

const char *kill_find_number(void *context, const char *word, uint64_t *ret_pid) {
    uint64_t number;
    bool group = word[0] == '-';
    (void)context;
    if (!text_to_number(word + group, &number))
        return "not a number";
    if (number >= PROCESS_GROUP)
        return status_text(P_NO_PROCESS);
    *ret_pid = group ? PROCESS_GROUP | number : number;
    return NULL;
}

int kill_run(size_t count, char *const *words, kill_find find, kill_sent sent, void *context) {
    struct process_kill_request request = {.signal = PROCESS_SIGTERM};
    size_t first = 1;
    if (count > first && words[first][0] == '-' && strcmp(words[first], "--") != 0)
        if (!find_signal(words[first++] + 1, &request.signal))
            return command_misused(kill_usage, "kill: no such signal: %s", words[first - 1]);
    if (count > first && strcmp(words[first], "--") == 0)
        first++;
    if (first == count)
        return command_misused(kill_usage, "kill: want a process's number");
    int exit_status = 0;
    for (size_t i = first; i < count; i++) {
        struct process_kill_reply reply;
        uint32_t status = OK;
        const char *reason = find(context, words[i], &request.pid);
        if (reason == NULL)
            status = process_kill(program_process(), &request, &reply, NULL);
        if (status != OK)
            reason = command_reason(status, "kill");
        if (reason != NULL)
            exit_status = command_complain("kill", "%s: %s", words[i], reason);
        else if (sent != NULL)
            sent(context, words[i], request.signal);
    }
    return exit_status;
}
