/*
 * Job control: which processes get the terminal's Ctrl-C and Ctrl-Z, and how jobs continue, in the foreground or
 * background.
 *
 * A job has the terminal from the start of its first program on. While nothing of its line runs, the keys go to the
 * shell, so that a key typed right after Enter is not lost. The shell masks the signals, which would otherwise
 * interrupt its calls, and passes them on when the job is started. The process server takes care that keys typed in
 * between reach all of the job.
 *
 * Only a shell with a prompt controls jobs. Any other shell starts foreground programs in its own group, so that the
 * keys reach all of a script.
 */
#include "kernel/abi/thread.h"
#include "libsys/maker/fault.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/signal.h"
#include "libsys/runtime/terminal.h"
#include "libsys/text/number.h"
#include "libsys/wire/status_text.h"
#include "userland/shell/shell.h"

uint32_t shell_wait_for(const struct shell *shell, uint64_t pid, uint64_t flags, struct process_wait_reply *ret_news) {
    struct process_wait_request request = {.pid = pid, .flags = flags};
    struct protocol_extra extra = {.interruptible = true}; /* by Ctrl-C, at the prompt */
    uint32_t status = process_wait(shell->process, &request, ret_news, &extra);
    if (status != P_ARGUMENT)
        return status;
    request.flags &= PROCESS_WAIT_NO_HANG; /* for a process server that does not know stops */
    return process_wait(shell->process, &request, ret_news, &extra);
}

/* Give the terminal to the group of a process. goes_on: a stopped group goes on, too. False: that failed. */
static bool set_foreground(const struct shell *shell, uint64_t pid, bool goes_on) {
    struct process_set_foreground_request request = {.pid = pid, .goes_on = goes_on};
    struct process_set_foreground_reply reply;
    uint32_t status;
    do
        status = process_set_foreground(shell->process, &request, &reply, NULL);
    while (status == P_BACKGROUND && (status = terminal_await(PROCESS_SIGTTIN)) == OK);
    bool harmless = status == P_NO_PROCESS || status == P_OPERATION; /* it has ended already; nobody gets the keys */
    if (status != OK && !harmless)
        shell_complain(shell, "foreground process %lu: %s", pid, status_text(status));
    return status == OK;
}

static volatile uint64_t taken; /* signals whose handler has run; bit n - 1: signal n */

static void take_signal(uint64_t signal, const struct process_signal_frame *frame) {
    (void)frame;
    taken |= 1ULL << (signal - 1);
}

#define INTERRUPT_BIT (1ULL << (PROCESS_SIGINT - 1))
#define SUSPEND_BIT (1ULL << (PROCESS_SIGTSTP - 1))
#define KEY_BITS (INTERRUPT_BIT | SUSPEND_BIT)
#define CHILD_BIT (1ULL << (PROCESS_SIGCHLD - 1))

/* Set or read the signal mask. Returns the pending signals; none if the process server has no signals. */
static uint64_t change_mask(const struct shell *shell, uint64_t mask, enum process_signal_mask_how how) {
    struct process_signal_mask_request request = {.mask = mask, .how = how};
    struct process_signal_mask_reply reply;
    return process_signal_mask(shell->process, &request, &reply, NULL) == OK ? reply.pending : 0;
}

static uint64_t take_keys(const struct shell *shell) {
    uint64_t pending = shell->interactive ? change_mask(shell, 0, PROCESS_MASK_ASK) & KEY_BITS : 0;
    if (pending != 0) {
        (void)change_mask(shell, 0, PROCESS_MASK_SET); /* take_signal() runs */
        (void)change_mask(shell, KEY_BITS, PROCESS_MASK_SET);
    }
    return pending;
}

bool shell_take_interrupt(const struct shell *shell) { return (take_keys(shell) & INTERRUPT_BIT) != 0; }

/*
 * Wait for a child's news or Ctrl-C. Their signals are unmasked only while this sleeps, so that none is lost between
 * check and sleep.
 */
uint32_t shell_wait_or_interrupt(const struct shell *shell, uint64_t pid, uint64_t flags,
                                 struct process_wait_reply *ret_news) {
    struct process_signal_wait_request sleep = {.mask = SUSPEND_BIT};
    struct process_signal_wait_reply none;
    uint32_t status, slept = OK;
    if (!shell->interactive || signal_handle(PROCESS_SIGCHLD, take_signal, 0) != OK)
        return shell_wait_for(shell, pid, flags, ret_news); /* a process server without signals has no keys either */
    (void)change_mask(shell, KEY_BITS | CHILD_BIT, PROCESS_MASK_SET);
    taken = 0;
    do
        status = shell_wait_for(shell, pid, flags | PROCESS_WAIT_NO_HANG, ret_news);
    while (status == E_TIMEOUT && (taken & INTERRUPT_BIT) == 0 &&
           (slept = process_signal_wait(shell->process, &sleep, &none, NULL)) == OK);
    (void)signal_handle(PROCESS_SIGCHLD, NULL, 0); /* can't fail: it succeeded before */
    (void)change_mask(shell, KEY_BITS, PROCESS_MASK_SET);
    if (status == E_TIMEOUT)
        return slept == OK ? P_INTERRUPTED : slept;
    return status;
}

void shell_begin_control(struct shell *shell) {
    shell->interactive = true;
    (void)change_mask(shell, KEY_BITS, PROCESS_MASK_SET);
    uint32_t status = signal_handle(PROCESS_SIGINT, take_signal, 0);
    if (status == OK)
        status = signal_handle(PROCESS_SIGTSTP, take_signal, 0);
    if (status != OK && status != P_OPERATION)
        shell_complain(shell, "signals: %s", status_text(status));
    (void)set_foreground(shell, shell->pid, false);
}

void shell_end_control(struct shell *shell) {
    if (shell->interactive) {
        (void)(signal_handle(PROCESS_SIGINT, NULL, 0) |
               signal_handle(PROCESS_SIGTSTP, NULL, 0)); /* can't fail: it succeeded before */
        (void)change_mask(shell, 0, PROCESS_MASK_SET);
    }
    shell->interactive = false;
}

static uint32_t send(const struct shell *shell, uint64_t pid, uint64_t signal) {
    struct process_kill_request request = {.pid = pid, .signal = signal};
    struct process_kill_reply reply;
    return process_kill(shell->process, &request, &reply, NULL);
}

/* Report the end of a command by a fault or an unexpected signal, since it could not print a message itself. */
static void tell_killed(const struct shell *shell, const char *name, const struct process_wait_reply *end) {
    if (end->fault == PROCESS_NO_MEMORY_LEFT)
        shell_complain(shell, "%s: killed: out of memory", name);
    else if (end->fault == PROCESS_NO_TIME_LEFT)
        shell_complain(shell, "%s: killed: out of CPU time, after %lu.%03lu s", name, end->limit_ns / NS_PER_S,
                       end->limit_ns % NS_PER_S / NS_PER_MS);
    else if (end->fault == PROCESS_SERVER_FAILED)
        shell_complain(shell, "%s: killed: the process server failed at a fault of it, instruction 0x%lx", name,
                       end->rip);
    else if (end->fault == FAULT_PAGE)
        shell_complain(shell, "%s: killed by signal %lu: page fault at address 0x%lx, instruction 0x%lx", name,
                       end->value, end->address, end->rip);
    else if (end->fault != 0)
        shell_complain(shell, "%s: killed by signal %lu: %s, instruction 0x%lx", name, end->value,
                       fault_text(end->fault), end->rip);
    else if (end->value != PROCESS_SIGINT)
        shell_complain(shell, "%s: killed by signal %lu", name, end->value);
}

/* Wait until a member has ended or stopped. */
static void wait_member(struct shell *shell, struct job_member *member) {
    while (!member->ended && !member->stopped) {
        struct process_wait_reply news;
        uint64_t flags = shell->interactive || shell->first ? PROCESS_WAIT_STOPPED : 0;
        uint32_t status = shell_wait_for(shell, member->pid, flags, &news);
        if (status != OK) {
            shell_complain(shell, "waiting for %s: %s", member->name, status_text(status));
            member->ended = true;
            shell->status = SHELL_FAILURE;
        } else if (news.end == PROCESS_STOPPED && !shell->interactive) {
            (void)send(shell, member->pid, PROCESS_SIGCONT); /* the first shell's script: nobody would continue it */
        } else {
            (void)shell_note_news(shell, &news);
            if (news.end == PROCESS_KILLED)
                tell_killed(shell, member->name, &news);
            shell->interrupted |= news.end == PROCESS_KILLED && news.value == PROCESS_SIGINT;
        }
    }
}

static void send_key(const struct shell *shell, const struct job *job, uint64_t signal) {
    (void)send(shell, PROCESS_GROUP | job->group, signal); /* it may have ended */
}

/* Pass on the keys typed before the first program of the job was started. */
static void pass_keys(struct shell *shell, const struct job *job) {
    uint64_t keys = take_keys(shell);
    shell->interrupted |= (keys & INTERRUPT_BIT) != 0;
    if (shell->interrupted)
        send_key(shell, job, PROCESS_SIGINT);
    if ((keys & SUSPEND_BIT) != 0)
        send_key(shell, job, PROCESS_SIGTSTP);
}

static void wait_job(struct shell *shell, struct job *job) {
    for (size_t i = 0; i < job->count; i++)
        wait_member(shell, &job->members[i]);
    if (shell->interactive)
        (void)set_foreground(shell, shell->pid, false);
    bool over = shell_settle_job(shell, job, false);
    shell->status = over ? job->status : SHELL_SIGNAL_BASE + (int)job->stop_signal;
}

void shell_job_started(struct shell *shell, struct job *job) {
    if (job->count == 0) {
        job->number = 0;
        shell->status = job->status;
    } else if (job->background) {
        shell->last_background = job->last_pid;
        shell->status = 0;
        shell_make_current(shell, job);
        if (shell->interactive)
            print("[%u] %lu\n", job->number, job->last_pid);
    } else {
        pass_keys(shell, job);
        wait_job(shell, job);
    }
}

void shell_wake_job(const struct shell *shell, const struct job *job) {
    uint32_t status = send(shell, PROCESS_GROUP | job->group, PROCESS_SIGCONT);
    if (status != OK && status != P_NO_PROCESS) /* all of it may have ended: the next wait tells */
        shell_complain(shell, "going on with job %u: %s", job->number, status_text(status));
}

void shell_continue_job(struct shell *shell, struct job *job, bool background) {
    job->background = background;
    shell_make_current(shell, job);
    print(background ? "[%u] %s &\n" : "[%u] %s\n", job->number, job->text);
    bool goes_on = false;
    for (size_t i = 0; i < job->count && !background && !goes_on; i++)
        goes_on = !job->members[i].ended && set_foreground(shell, job->members[i].pid, true);
    for (size_t i = 0; i < job->count; i++)
        job->members[i].stopped = job->stop_told = false;
    if (!goes_on)
        shell_wake_job(shell, job);
    shell->status = 0;
    if (background)
        return;
    pass_keys(shell, job); /* after CONT, which would cancel a TSTP */
    wait_job(shell, job);
}

bool shell_may_leave(struct shell *shell) {
    bool stopped = false;
    for (size_t i = 0; i < SHELL_JOBS_MAX; i++)
        stopped |= shell->jobs[i].number != 0 && shell_job_stopped(&shell->jobs[i]);
    if (!stopped || shell->warned > 0 || !shell->interactive)
        return true;
    shell->warned = 2;
    shell_complain(shell, "there are stopped jobs; again, and they end with the shell");
    shell->status = SHELL_FAILURE;
    return false;
}

void shell_end_stopped_jobs(struct shell *shell) {
    for (size_t i = 0; i < SHELL_JOBS_MAX; i++) {
        const struct job *job = &shell->jobs[i];
        if (job->number == 0 || !shell_job_stopped(job))
            continue;
        (void)send(shell, PROCESS_GROUP | job->group, PROCESS_SIGHUP); /* it may have ended */
        shell_wake_job(shell, job);
    }
}
