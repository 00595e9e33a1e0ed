#include "libsys/print.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "userland/shell/shell.h"

static struct job *find_job(struct shell *shell, uint64_t pid) {
    for (size_t i = 0; i < SHELL_JOBS_MAX; i++)
        if (shell->jobs[i].pid == pid)
            return &shell->jobs[i];
    return NULL;
}

void shell_add_job(struct shell *shell, uint64_t pid, const char *text, size_t length) {
    shell->last_background = pid;
    struct job *job = find_job(shell, 0);
    if (job == NULL) { /* it runs all the same; nobody will hear of its end */
        print("[-] %lu\n", pid);
        return;
    }
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length >= SHELL_JOB_TEXT)
        length = SHELL_JOB_TEXT - 1;
    memcpy(job->text, text, length);
    job->text[length] = '\0';
    job->pid = pid;
    job->number = (unsigned)(job - shell->jobs) + 1;
    if (shell->interactive)
        print("[%u] %lu\n", job->number, pid);
}

static void tell_end(const struct job *job, const struct process_wait_reply *end) {
    if (end->end == PROCESS_KILLED)
        print("[%u] killed by signal %lu: %s\n", job->number, end->value, job->text);
    else if (end->value != 0)
        print("[%u] exit %lu: %s\n", job->number, end->value, job->text);
    else
        print("[%u] done: %s\n", job->number, job->text);
}

/* A child without a job is an orphan that became the first shell's. As in sh, only a prompt tells of ends. */
static void end_job(struct shell *shell, const struct process_wait_reply *end) {
    struct job *job = find_job(shell, end->pid);
    if (job == NULL)
        return;
    if (shell->interactive)
        tell_end(job, end);
    job->pid = 0;
}

void shell_reap_jobs(struct shell *shell) {
    uint32_t status = OK;
    while (status == OK) {
        struct process_wait_request request = {.pid = PROCESS_ANY, .flags = PROCESS_WAIT_NO_HANG};
        struct process_wait_reply end;
        status = process_wait(shell->process, &request, &end, NULL);
        if (status == OK)
            end_job(shell, &end);
    }
    if (status != E_TIMEOUT && status != P_NO_CHILD)
        shell_complain(shell, "asking for jobs that have ended: %s", status_text(status));
}

void shell_wait_jobs(struct shell *shell) {
    for (size_t i = 0; i < SHELL_JOBS_MAX && !shell->interrupted; i++)
        if (shell->jobs[i].pid != 0)
            (void)shell_wait_job(shell, shell->jobs[i].pid);
}

void shell_list_jobs(const struct shell *shell) {
    for (size_t i = 0; i < SHELL_JOBS_MAX; i++)
        if (shell->jobs[i].pid != 0)
            print("[%u] %lu %s\n", shell->jobs[i].number, shell->jobs[i].pid, shell->jobs[i].text);
}

int shell_wait_job(struct shell *shell, uint64_t pid) {
    struct process_wait_reply end;
    uint32_t status = shell_wait_foreground(shell, pid, &end);
    if (status != OK) {
        shell_complain(shell, "wait %lu: %s", pid, status_text(status));
        return SHELL_NOT_FOUND;
    }
    end_job(shell, &end);
    return shell_end_status(&end);
}
