/*
 * Does exec work, seen from ring 3 alone? All evidence comes from system calls and messages of user programs: an exit
 * status that only the image in question gives, and figures of the process server and the kernel before and after.
 *
 * Prints a line for each check; exits 0 if all hold, otherwise with the number of failures (at most 100).
 */
#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/maker/layout.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/wire/status_text.h"
#include "userland/exectest/measure.h"
#include "userland/exectest/payload.h"
#include "userland/lib/command.h"
#include "userland/lib/launch.h"

#define CHAIN_EXECS "200"
#define TICKS_EXECS "20"
#define WATCH_NS 100000000ULL   /* how long the looping program is watched */
#define FAIR_NS (20 * WATCH_NS) /* ... at most, until it gets the CPU again */
#define COMPETITORS_MAX 17U
#define HOGS_MAX 8U
#define HOG_NS 60000000000ULL /* longest time without a page more for one of them: a host may be slow */
#define HOG_LOOK_NS 10000000U
#define FAILURES_MAX 100U

static const char usage[] = "exectest    test exec from ring 3; needs the programs in /test/exec";

/* Images that must not run, and why. */
static const struct {
    const char *what;
    const char *path;
    uint32_t status;
    const char *reason; /* words that the reason has to contain */
} bad_images[] = {
    {"a missing file", PAYLOAD_FOLDER "missing", P_NOT_FOUND, "no such file or directory"},
    {"a directory", "test/exec", P_NOT_FILE, "not a file"},
    {"a text file", "etc/manifest.json", P_IMAGE, "not an ELF file"},
    {"a truncated image", PAYLOAD_FOLDER "truncated", P_IMAGE, "file range goes beyond the end of the file"},
    {"truncated headers", PAYLOAD_FOLDER "truncated-headers", P_IMAGE, "truncated program header table"},
    {"another machine's image", PAYLOAD_FOLDER "wrong-machine", P_IMAGE, "made for another machine than x86-64"},
    {"a segment W+X", PAYLOAD_FOLDER "write-execute", P_IMAGE, "both writable and executable"},
    {"an entry outside", PAYLOAD_FOLDER "entry-outside", P_IMAGE, "entry point is outside every executable segment"},
    {"an image too large", PAYLOAD_FOLDER "too-large", P_LIMIT, "its segments take more than"},
};
#define BAD_IMAGE_COUNT (sizeof bad_images / sizeof bad_images[0])

static cap_t process;
static char *const *environment;
static uint64_t check_count;
static uint64_t failure_count;
static struct launch_failure failure;

/* Report one check, with the formatted text if it has failed. */
FORMAT_LIKE(3, 4) static void check(bool holds, const char *what, const char *format, ...) {
    char detail[PROTOCOL_REASON_MAX + 64];
    va_list arguments;
    va_start(arguments, format);
    format_into_list(detail, sizeof detail, format, arguments);
    va_end(arguments);
    check_count++;
    if (holds) {
        print("ok %lu - %s\n", check_count, what);
        return;
    }
    failure_count++;
    print("not ok %lu - %s: %s\n", check_count, what, detail);
}

/* Start a program of test/exec. Returns its pid, or 0 with `failure`. */
static uint64_t start(const char *path, const char *const *arguments) {
    const struct launch launch = {
        .path = path, .arguments = arguments, .environment = (const char *const *)environment};
    return launch_spawn(process, &launch, &failure);
}

static bool wait_for(uint64_t pid, struct process_wait_reply *ret_end) {
    struct process_wait_request request = {.pid = pid};
    return process_wait(process, &request, ret_end, NULL) == OK;
}

/* Run a program to its end. Returns its exit status; 256 + the signal that killed it; 512 if it did not start. */
static uint64_t run(const char *path, const char *const *arguments) {
    struct process_wait_reply end;
    uint64_t pid = start(path, arguments);
    if (pid == 0 || !wait_for(pid, &end))
        return 512;
    return end.end == PROCESS_KILLED ? 256 + end.value : end.value;
}

static bool kill(uint64_t pid) {
    struct process_kill_request request = {.pid = pid, .signal = PROCESS_SIGKILL};
    struct process_kill_reply reply;
    return process_kill(process, &request, &reply, NULL) == OK;
}

static void check_nothing_leaked(const struct measure *before, const char *what) {
    struct measure after;
    if (!measure_take(process, &after)) {
        check(false, what, "the process server gives no figures");
        return;
    }
    enum measure_figure figure = measure_difference(before, &after);
    bool same = figure == MEASURE_FIGURES;
    check(same, what, "%s: %lu before, %lu after", measure_name(figure), same ? 0 : before->figures[figure],
          same ? 0 : after.figures[figure]);
}

static void check_arguments(void) {
    static const char *const arguments[] = {"caller", "show", NULL};
    uint64_t status = run(PAYLOAD_FOLDER "caller", arguments);
    check(status == PAYLOAD_SHOWN, "exec hands over arguments and environment, and the new image runs",
          "status %lu, want %u", status, PAYLOAD_SHOWN);
}

static void check_chain(void) {
    static const char *const arguments[] = {"chain", CHAIN_EXECS, NULL};
    struct measure before;
    bool measured = measure_take(process, &before);
    uint64_t status = run(PAYLOAD_FOLDER "chain", arguments);
    check(status == PAYLOAD_CHAIN_END, CHAIN_EXECS " execs keep the pid, and the process grows by nothing",
          "status %lu, want %u", status, PAYLOAD_CHAIN_END);
    if (measured)
        check_nothing_leaked(&before, CHAIN_EXECS " execs and the process's end leave nothing behind");
    else
        check(false, "figures before the chain", "the process server gives none");
}

/* Returns the CPU time of a process; 0: it does not run. */
static uint64_t cpu_time(uint64_t pid) {
    struct process_list_request request = {.pid = pid};
    struct process_list_reply reply;
    bool runs =
        process_list(process, &request, &reply, NULL) == OK && reply.pid == pid && reply.state == PROCESS_RUNNING;
    return runs ? reply.cpu_time_ns : 0;
}

/* A program that never yields the CPU may neither stop this program nor be starved by it. */
static void check_loop(void) {
    static const char *const arguments[] = {"loop", NULL};
    uint64_t pid = start(PAYLOAD_FOLDER "loop", arguments);
    check(pid != 0, "the smallest image, one page that jumps to itself, starts", "%s", failure.reason);
    if (pid == 0)
        return;
    uint64_t begin_ns = sys_clock_read().value;
    while (cpu_time(pid) == 0 && sys_clock_read().value - begin_ns < WATCH_NS)
        continue;
    uint64_t first = cpu_time(pid), second = first;
    begin_ns = sys_clock_read().value;
    while (second == first && sys_clock_read().value - begin_ns < FAIR_NS) /* with a lottery it may lose for a while */
        second = cpu_time(pid);
    check(first > 0 && second > first, "it runs, and it is preempted", "CPU time %lu ns, then %lu ns", first, second);

    struct process_wait_reply end = {.end = 0};
    bool ended = kill(pid) && wait_for(pid, &end);
    check(ended && end.end == PROCESS_KILLED && end.value == PROCESS_SIGKILL, "its parent kills it and sees the signal",
          "end %lu, value %lu", end.end, end.value);
}

/* The image ends differently, depending on whether it was moved to the addresses of position-independent images. */
static void check_movable(void) {
    static const char *const arguments[] = {"movable", NULL};
    uint64_t pid = start(PAYLOAD_FOLDER "movable", arguments);
    struct process_wait_reply end = {.end = 0};
    bool ended = pid != 0 && wait_for(pid, &end);
    check(ended && end.end == PROCESS_KILLED && end.value == PROCESS_SIGILL && end.rip >= LAYOUT_IMAGE_BASE,
          "a position-independent image runs where it was moved to", "end %lu, value %lu, rip 0x%lx; %s", end.end,
          end.value, end.rip, pid == 0 ? failure.reason : "");
}

/* The interpreter that the image names must start, at an address for interpreters. */
static void check_interpreter(void) {
    static const char *const arguments[] = {"interpreted", NULL};
    uint64_t pid = start(PAYLOAD_FOLDER "interpreted", arguments);
    struct process_wait_reply end = {.end = 0};
    bool ended = pid != 0 && wait_for(pid, &end);
    check(ended && end.end == PROCESS_KILLED && end.value == PROCESS_SIGILL && end.rip >= LAYOUT_INTERPRETER_BASE,
          "a program that names an interpreter starts there", "end %lu, value %lu, rip 0x%lx; %s", end.end, end.value,
          end.rip, pid == 0 ? failure.reason : "");
}

static void check_bad_image(size_t index) {
    char what[96];
    char status_number[24];
    const char *path = bad_images[index].path;
    const char *const spawned[] = {path, NULL};
    const char *const called[] = {"caller", path, status_number, bad_images[index].reason, NULL};

    uint64_t pid = start(path, spawned);
    bool refused =
        pid == 0 && failure.status == bad_images[index].status && launch_reason_has(&failure, bad_images[index].reason);
    format_into(what, sizeof what, "spawn of %s is refused with its reason", bad_images[index].what);
    if (pid == 0) {
        check(refused, what, "%s: %s", status_name(failure.status), failure.reason);
    } else {
        struct process_wait_reply end;
        check(false, what, "it runs");
        (void)(kill(pid) && wait_for(pid, &end)); /* the check has failed already */
    }

    format_into(status_number, sizeof status_number, "%u", bad_images[index].status);
    format_into(what, sizeof what, "exec of %s is refused, and the caller lives on", bad_images[index].what);
    uint64_t status = run(PAYLOAD_FOLDER "caller", called);
    check(status == PAYLOAD_LIVES_ON, what, "status %lu, want %u", status, PAYLOAD_LIVES_ON);
}

static void check_bad_images(void) {
    struct measure before;
    bool measured = measure_take(process, &before);
    for (size_t i = 0; i < BAD_IMAGE_COUNT; i++)
        check_bad_image(i);
    if (measured)
        check_nothing_leaked(&before, "refused images leave nothing behind");
    else
        check(false, "figures before the refused images", "the process server gives none");
}

/* Kill running programs. Returns whether each of them ended by that. */
static bool kill_all(const uint64_t *pids, size_t count) {
    bool ended = true;
    for (size_t i = 0; i < count; i++) {
        struct process_wait_reply end = {.end = 0};
        ended = kill(pids[i]) && wait_for(pids[i], &end) && end.value == PROCESS_SIGKILL && ended;
    }
    return ended;
}

/*
 * Whether a process is finished: it sleeps with all the memory that it wanted, or was killed for lack of pages
 * (*ret_killed). *ret_pages: how many it has by now.
 */
static bool hog_is_done(uint64_t pid, bool *ret_killed, uint64_t *ret_pages) {
    struct process_list_request request = {.pid = pid};
    struct process_list_reply reply;
    if (process_list(process, &request, &reply, NULL) != OK || reply.pid != pid)
        return false;
    *ret_pages = reply.memory_pages;
    *ret_killed = reply.state == PROCESS_ENDED;
    return *ret_killed || reply.state == PROCESS_SLEEPING;
}

/* Wait for a process to be finished. False: it does not get on. */
static bool wait_for_hog(uint64_t pid, bool *ret_killed) {
    uint64_t pages = 0, before = 0, begin_ns = sys_clock_read().value;
    while (!hog_is_done(pid, ret_killed, &pages)) {
        const struct process_sleep_request look = {program_time_in(HOG_LOOK_NS)};
        struct process_sleep_reply reply;
        if (pages != before)
            begin_ns = sys_clock_read().value;
        before = pages;
        if (sys_clock_read().value - begin_ns >= HOG_NS || process_sleep(process, &look, &reply, NULL) != OK)
            return false;
    }
    return true;
}

/* Memory is taken on demand. When none is left, the process with the most of it ends, and no other is harmed. */
static void check_full_memory(void) {
    static const char *const ask[] = {"hog", "ask", NULL}, *const touch[] = {"hog", "touch", NULL};
    static const char *const spread[] = {"hog", "spread", NULL};
    static uint64_t pids[HOGS_MAX];
    struct measure before;
    bool measured = measure_take(process, &before), killed = false, done = true;
    uint64_t status = run(PAYLOAD_FOLDER "hog", ask);
    check(status == PAYLOAD_REFUSED, "who asks for more memory than there is is refused, and lives on", "status %lu",
          status);
    status = run(PAYLOAD_FOLDER "hog", spread);
    check(status == 0, "who touches a page here and a page there needs no more than those", "status %lu", status);
    size_t count = 0;
    while (!killed && done && count < HOGS_MAX && (pids[count] = start(PAYLOAD_FOLDER "hog", touch)) != 0) {
        done = wait_for_hog(pids[count], &killed);
        count++;
    }
    struct process_wait_reply end = {.end = 0};
    bool ended = killed && wait_for(pids[count - 1], &end);
    check(ended && end.end == PROCESS_KILLED && end.value == PROCESS_SIGKILL && end.fault == PROCESS_NO_MEMORY_LEFT,
          "who touches more memory than there is is killed", "%lu hogs, the last one %s; end %lu, value %lu", count,
          done ? "done" : "still at it", end.end, end.value);
    check(kill_all(pids, ended ? count - 1 : count), "the others were not harmed, and are killed", "one was not");
    if (measured)
        check_nothing_leaked(&before, "full memory leaves nothing behind");
    else
        check(false, "figures before the memory was full", "the process server gives none");
}

/* Run more programs that never wait than there are CPUs, so that only the timer lets others run. */
static void check_ticks(void) {
    static const char *const loop[] = {"loop", NULL};
    static const char *const arguments[] = {"ticks", TICKS_EXECS, NULL};
    uint64_t pids[COMPETITORS_MAX];
    uint64_t wanted = sys_system_info(INFO_CPUS, 0).value + 1;
    size_t count = 0;
    while (count < wanted && count < COMPETITORS_MAX && (pids[count] = start(PAYLOAD_FOLDER "loop", loop)) != 0)
        count++;
    check(count >= 2, "programs that never wait start side by side", "%s", failure.reason);

    uint64_t before = measure_ticks();
    uint64_t status = run(PAYLOAD_FOLDER "ticks", arguments);
    uint64_t after = measure_ticks();
    check(status == PAYLOAD_TICKS_SEEN, "the timer interrupts after each of " TICKS_EXECS " execs among them",
          "status %lu, want %u", status, PAYLOAD_TICKS_SEEN);
    check(after > before, "its count grows across the switches", "%lu before, %lu after", before, after);

    check(kill_all(pids, count), "all of them are killed", "one was not");
}

int main(int argc, char **argv, char **envp) {
    if (command_help(argc, argv, usage))
        return 0;
    process = program_process();
    environment = envp;
    check_arguments(); /* first, since it makes the server allocate memory that it then keeps */
    struct measure before;
    bool measured = measure_take(process, &before);
    check_chain();
    check_loop();
    check_movable();
    check_interpreter();
    check_bad_images();
    check_full_memory();
    check_ticks();
    if (measured)
        check_nothing_leaked(&before, "all of it leaves nothing behind");
    print("exectest: %lu checks, %lu failed\n", check_count, failure_count);
    return (int)(failure_count < FAILURES_MAX ? failure_count : FAILURES_MAX);
}
