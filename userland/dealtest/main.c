/*
 * Deals stops, continuations, signals and ends to processes that are in the middle of a call or a fault, at times that
 * a seed decides. Run it with several CPUs and --all-cpus: the process server runs on the first, the targets take turns
 * on all.
 *
 *     dealtest [SEED [SECONDS]]     exits with the number of failed checks
 */
#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/signal.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "userland/dealtest/board.h"
#include "userland/lib/command.h"

#define DEALS 12U /* a target gets fewer than this */
#define SOON_NS 20000000000ULL
#define PAUSE_NS 100000U

static cap_t process;
static struct board *board;
static uint64_t random_state, check_count, failure_count, seconds = 6;
static const struct target *target;

/* Source: Marsaglia, "Xorshift RNGs". */
static uint64_t below(uint64_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

static bool check(bool holds, const char *what, uint64_t figure) {
    check_count++;
    if (!holds && ++failure_count <= 20)
        print("not ok: a target that %s: %s (%lu)\n", target->name, what, figure);
    return holds;
}

static void pause(uint64_t duration_ns) {
    struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    while (process_sleep(process, &request, &reply, NULL) == P_INTERRUPTED)
        continue;
}

/* Wait until `*value` differs from `from`. False: it does not, within SOON_NS. */
static bool moves(const volatile uint64_t *value, uint64_t from) {
    uint64_t last_ns = program_time_in(SOON_NS);
    while (*value == from && sys_clock_read().value < last_ns)
        pause(PAUSE_NS);
    return *value != from;
}

static void kill(uint64_t pid, uint64_t signal) {
    struct process_kill_request request = {pid, signal};
    struct process_kill_reply reply;
    uint32_t status = process_kill(process, &request, &reply, NULL);
    check(status == OK, "a signal was refused", status);
}

static struct process_wait_reply wait_for(uint64_t pid, uint64_t flags) {
    struct process_wait_request request = {.pid = pid, .flags = flags};
    struct process_wait_reply end = {0};
    uint32_t status = process_wait(process, &request, &end, NULL);
    check(status == OK, "its news were refused", status);
    return end;
}

static void signal(uint64_t pid) {
    uint64_t before = board->handled;
    kill(pid, PROCESS_SIGUSR1);
    check(moves(&board->handled, before), "a signal was lost", before);
    check(board->handled == before + 1, "a signal was handled more than once", board->handled - before);
}

static uint64_t halt(uint64_t pid) {
    kill(pid, PROCESS_SIGSTOP);
    struct process_wait_reply news = wait_for(pid, PROCESS_WAIT_STOPPED);
    check(news.end == PROCESS_STOPPED && news.value == PROCESS_SIGSTOP, "it has not stopped", news.end);
    return board->steps;
}

/* Stop the target and continue it. While it is stopped nothing of it may run, not even handlers. */
static void stop(uint64_t pid) {
    uint64_t handled = board->handled, steps = halt(pid);
    bool signals = below(2) == 0;
    if (signals)
        kill(pid, PROCESS_SIGUSR1);
    pause(below(10) * PAUSE_NS);
    check(board->steps == steps, "it ran on while it was stopped", board->steps - steps);
    check(board->handled == handled, "its handler ran while it was stopped", 0);
    kill(pid, PROCESS_SIGCONT);
    if (signals)
        check(moves(&board->handled, handled), "a signal that came while it was stopped was lost", handled);
    check(moves(&board->steps, steps), "it does not go on", steps);
}

/*
 * End the target: kill it; stop and kill it; stop it, send TERM and then continue it; or ask it to exit, which a target
 * that calls exec does not do.
 */
static void finish(uint64_t pid) {
    enum { KILLED, STOPPED_KILLED, STOPPED_ENDED, EXITS };
    uint64_t how = below(target->executes ? EXITS : EXITS + 1);
    bool stops = how == STOPPED_KILLED || how == STOPPED_ENDED;
    uint64_t steps = stops ? halt(pid) : 0, signal = how == STOPPED_ENDED ? PROCESS_SIGTERM : PROCESS_SIGKILL;
    if (how == EXITS)
        board->done = 1;
    else
        kill(pid, signal);
    if (how == STOPPED_ENDED)
        kill(pid, PROCESS_SIGCONT);
    struct process_wait_reply end = wait_for(pid, 0);
    if (how == EXITS)
        check(end.end == PROCESS_EXITED && end.value == 0, "it ended otherwise", end.value);
    else
        check(end.end == PROCESS_KILLED && end.value == signal, "it ended otherwise", end.value);
    if (stops)
        check(board->steps == steps, "it ran on although it was stopped and killed", board->steps - steps);
}

/* Count the signals by which a target without a board reports its steps and its handlers. */
static void on_news(uint64_t signal, const struct process_signal_frame *frame) {
    (void)frame;
    if (signal == SIGNAL_STEP)
        board->steps++;
    else
        board->handled++;
}

/* Deal to one target, from its start to its end. */
static void deal(void) {
    struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    memset(board, 0, sizeof *board);
    uint32_t status = process_fork(process, &request, &reply, NULL);
    if (!check(status == OK, "could not be made", status))
        return;
    if (reply.pid == 0)
        target_run(board, target);
    check(moves(&board->ready, 0), "does not begin", 0);
    for (uint64_t i = 0, count = below(DEALS); i < count; i++) {
        if (below(3) == 0)
            pause(below(5) * PAUSE_NS);
        if (below(2) == 0)
            signal(reply.pid);
        else
            stop(reply.pid);
    }
    finish(reply.pid);
    check(board->wrong == 0, "something is wrong in it: line", board->line);
    check(board->wrong == 0, "... status or value", board->status);
}

static struct process_memory_reply look(void) {
    struct process_memory_request request = {0};
    struct process_memory_reply reply = {0};
    (void)process_memory(process, &request, &reply, NULL);
    return reply;
}

/*
 * Wait until all figures are as before: a child of the target may outlive it for a while. The first targets make the
 * servers allocate memory that they then keep, so after these only the number of processes is compared. False: the
 * figures are not as before within SOON_NS.
 */
static bool becomes(const struct process_memory_reply *before, bool first) {
    uint64_t last_ns = program_time_in(SOON_NS);
    for (;;) {
        struct process_memory_reply now = look();
        bool same = first ? now.process_count == before->process_count : memcmp(&now, before, sizeof now) == 0;
        if (same || sys_clock_read().value >= last_ns)
            return same;
        pause(PAUSE_NS);
    }
}

static bool take_arguments(int argc, char **argv) {
    random_state = 1;
    return argc <= 3 && (argc < 2 || text_to_number(argv[1], &random_state)) &&
           (argc < 3 || text_to_number(argv[2], &seconds)) && random_state != 0;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    struct process_map_request request = {
        .length_bytes = PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .flags = PROCESS_MAP_TOGETHER};
    struct process_map_reply reply;
    static const char usage[] =
        "dealtest [SEED [SECONDS]]    deal stops, signals and ends to processes in the middle of things";
    process = program_process();
    if (argc == 2 && strcmp(argv[1], TARGET_AGAIN) == 0)
        target_run_again();
    if (command_help(argc, argv, usage))
        return 0;
    if (!take_arguments(argc, argv))
        return command_misused(usage, "dealtest: want a seed other than 0, and for how long");
    uint32_t status = process_map(process, &request, &reply, NULL);
    if (status == OK)
        status = signal_handle(SIGNAL_STEP, on_news, 0);
    if (status == OK)
        status = signal_handle(SIGNAL_HANDLED, on_news, 0);
    if (status != OK)
        return command_complain("dealtest", "%s", status_text(status));
    board = (struct board *)reply.at;
    uint64_t seed = random_state, round_count = 0;
    uint64_t end_ns = program_time_in(seconds * 1000000000);
    for (; round_count < TARGETS || sys_clock_read().value < end_ns; round_count++) { /* each once at least */
        target = &targets[round_count % TARGETS];
        struct process_memory_reply before = look();
        deal();
        bool same = becomes(&before, round_count < TARGETS);
        check(same, "it left something behind", before.frames_free - look().frames_free);
    }
    print("dealtest: seed %lu, %lu targets, %lu checks, %lu failed\n", seed, round_count, check_count, failure_count);
    return failure_count < 255 ? (int)failure_count : 255;
}
