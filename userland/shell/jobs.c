/*
 * Jobs: commands and pipelines that the shell has started, each in a process group of its own.
 *
 *     shell_new_job --> running <--> stopped --> over, and the entry is free again
 *
 * A foreground job has an entry, too, so that it can be brought back after Ctrl-Z has stopped it.
 */
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "userland/shell/shell.h"

static bool is_over(const struct job *job) {
    for (size_t i = 0; i < job->count; i++)
        if (!job->members[i].ended)
            return false;
    return true;
}

bool shell_job_stopped(const struct job *job) {
    bool any = false;
    for (size_t i = 0; i < job->count; i++) {
        if (!job->members[i].ended && !job->members[i].stopped)
            return false;
        any |= !job->members[i].ended;
    }
    return any;
}

static struct job *find_free(struct shell *shell) {
    for (size_t i = 0; i < SHELL_JOBS_MAX; i++)
        if (shell->jobs[i].number == 0)
            return &shell->jobs[i];
    return NULL;
}

struct job *shell_new_job(struct shell *shell, const char *text, size_t length, bool background) {
    struct job *job = find_free(shell);
    if (job == NULL) {
        shell_reap_jobs(shell);
        job = find_free(shell);
    }
    if (job == NULL) {
        shell_complain(shell, "there are %u jobs already", SHELL_JOBS_MAX);
        shell->status = SHELL_FAILURE;
        return NULL;
    }
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length >= SHELL_JOB_TEXT)
        length = SHELL_JOB_TEXT - 1;
    *job = (struct job){.number = (unsigned)(job - shell->jobs) + 1, .background = background};
    memcpy(job->text, text, length);
    return job;
}

uint64_t shell_job_group(const struct shell *shell, const struct job *job) {
    uint64_t foreground = shell->interactive && !job->background ? PROCESS_GROUP_FOREGROUND : 0;
    if (job->group != 0)
        return job->group | foreground;
    return shell->interactive || job->background ? PROCESS_GROUP_OWN | foreground : PROCESS_GROUP_SAME;
}

void shell_add_member(const struct shell *shell, struct job *job, uint64_t pid, const char *name) {
    struct job_member *member = &job->members[job->count++];
    *member = (struct job_member){.pid = pid};
    (void)format_into(member->name, sizeof member->name, "%s", name);
    if (job->group == 0 && shell_job_group(shell, job) != PROCESS_GROUP_SAME)
        job->group = pid;
    job->last_pid = pid;
}

void shell_make_current(struct shell *shell, struct job *job) { job->turn = ++shell->turns; }

struct job *shell_find_job(struct shell *shell, const char *word) {
    uint64_t number = 0;
    struct job *found = NULL;
    bool any = word == NULL || strcmp(word, "%") == 0 || strcmp(word, "%%") == 0 || strcmp(word, "%+") == 0;
    if (!any && !(word[0] == '%' && text_to_number(word + 1, &number)))
        return NULL;
    for (struct job *job = shell->jobs; job < shell->jobs + SHELL_JOBS_MAX; job++)
        if (job->number != 0 && (any ? found == NULL || job->turn > found->turn : job->number == number))
            found = job;
    return found;
}

/* Returns what a stopped job waits for, in words. */
static const char *stop_reason(const struct job *job) {
    if (job->stop_signal == PROCESS_SIGTTIN)
        return " (terminal input)";
    return job->stop_signal == PROCESS_SIGTTOU ? " (terminal output)" : "";
}

static void tell(const struct shell *shell, const struct job *job) {
    if (!shell->interactive)
        return; /* as in sh, only a prompt reports jobs */
    if (shell_job_stopped(job))
        print("[%u] stopped%s: %s\n", job->number, stop_reason(job), job->text);
    else if (job->lack != NULL)
        print("[%u] killed: out of %s: %s\n", job->number, job->lack, job->text);
    else if (job->signal != 0)
        print("[%u] killed by signal %lu: %s\n", job->number, job->signal, job->text);
    else if (job->status != 0)
        print("[%u] exit %d: %s\n", job->number, job->status, job->text);
    else
        print("[%u] done: %s\n", job->number, job->text);
}

struct job *shell_note_news(struct shell *shell, const struct process_wait_reply *news) {
    for (struct job *job = shell->jobs; job < shell->jobs + SHELL_JOBS_MAX; job++) {
        for (size_t i = 0; job->number != 0 && i < job->count; i++) {
            struct job_member *member = &job->members[i];
            if (member->pid != news->pid || member->ended)
                continue;
            member->ended = news->end == PROCESS_EXITED || news->end == PROCESS_KILLED;
            member->stopped = news->end == PROCESS_STOPPED;
            job->stop_told =
                job->stop_told && member->ended; /* it may have been continued unnoticed and stopped again */
            if (member->ended && member->pid == job->last_pid) {
                job->status = shell_end_status(news);
                job->signal = news->end == PROCESS_KILLED ? news->value : 0;
                job->lack = news->fault == PROCESS_NO_MEMORY_LEFT ? "memory"
                            : news->fault == PROCESS_NO_TIME_LEFT ? "CPU time"
                                                                  : NULL;
            }
            if (member->stopped)
                job->stop_signal = news->value;
            return job;
        }
    }
    return NULL; /* an orphan adopted by the first shell, or a child whose job was given up */
}

bool shell_settle_job(struct shell *shell, struct job *job, bool told) {
    if (is_over(job)) {
        if (told)
            tell(shell, job);
        job->number = 0;
        return true;
    }
    if (shell_job_stopped(job) && !job->stop_told) {
        job->stop_told = true;
        shell_make_current(shell, job);
        tell(shell, job);
    }
    return false;
}

void shell_reap_jobs(struct shell *shell) {
    uint32_t status = OK;
    while (status == OK) {
        struct process_wait_reply news;
        status = shell_wait_for(shell, PROCESS_ANY,
                                PROCESS_WAIT_NO_HANG | PROCESS_WAIT_STOPPED | PROCESS_WAIT_CONTINUED, &news);
        struct job *job = status == OK ? shell_note_news(shell, &news) : NULL;
        if (job != NULL && news.end != PROCESS_CONTINUED)
            (void)shell_settle_job(shell, job, true);
    }
    if (status != E_TIMEOUT && status != P_NO_CHILD)
        shell_complain(shell, "asking for jobs that have ended: %s", status_text(status));
}

void shell_list_jobs(const struct shell *shell) {
    for (const struct job *job = shell->jobs; job < shell->jobs + SHELL_JOBS_MAX; job++)
        if (job->number != 0)
            print("[%u] %lu %s%s: %s\n", job->number, job->last_pid, shell_job_stopped(job) ? "stopped" : "running",
                  shell_job_stopped(job) ? stop_reason(job) : "", job->text);
}

/* ---- waiting, for the built-in command `wait` ---- */

int shell_wait_pid(struct shell *shell, uint64_t pid) {
    struct process_wait_reply news;
    uint32_t status = shell_wait_or_interrupt(shell, pid, PROCESS_WAIT_STOPPED, &news);
    if (status == P_INTERRUPTED) {
        shell->interrupted = true;
        return SHELL_INTERRUPTED;
    }
    if (status != OK) {
        shell_complain(shell, "wait %lu: %s", pid, status_text(status));
        return SHELL_NOT_FOUND;
    }
    struct job *job = shell_note_news(shell, &news);
    if (job != NULL)
        (void)shell_settle_job(shell, job, true);
    return shell_end_status(&news);
}

int shell_wait_job(struct shell *shell, struct job *job) {
    int status = job->status;
    for (size_t i = 0; i < job->count && job->number != 0 && !shell->interrupted; i++) {
        const struct job_member *member = &job->members[i];
        bool last = member->pid == job->last_pid;
        int end = member->ended     ? status
                  : member->stopped ? SHELL_SIGNAL_BASE + (int)job->stop_signal
                                    : shell_wait_pid(shell, member->pid);
        status = last || shell->interrupted ? end : status;
    }
    return status;
}

int shell_wait_jobs(struct shell *shell) {
    for (struct job *job = shell->jobs; job < shell->jobs + SHELL_JOBS_MAX; job++)
        if (job->number != 0 && !shell->interrupted)
            (void)shell_wait_job(shell, job);
    return shell->interrupted ? SHELL_INTERRUPTED : 0;
}
