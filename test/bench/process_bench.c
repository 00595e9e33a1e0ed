/*
 * What does each operation on processes cost, in instructions, all servers' work included? This is the first process,
 * started in the shell's place. Its children run this program, too, with arguments.
 */
#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/proto/init.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/signal.h"
#include "libsys/runtime/threads.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/server.h"
#include "test/bench/pipe_bench.h"
#include "test/bench/row.h"
#include "userland/lib/launch.h"

#define SELF "bin/process_bench"
#define FILE_READS 1000ULL
#define SPAWNS 200ULL
#define EXECS 200ULL
#define FORKS 200ULL
#define TOUCHED 10000ULL /* pages */
#define MAPS 50ULL
#define SIGNALS 2000ULL
#define THREADS 2000ULL
#define RESTARTS 100ULL
#define SWAPS 20ULL

static _Noreturn void end(uint64_t status) {
    struct init_power_off_request request = {.status = status};
    struct init_power_off_reply reply;
    (void)init_power_off(program_cap("init"), &request, &reply, NULL);
    program_exit(1);
}

static _Noreturn void fail(const char *what) {
    bench_put("# ");
    bench_put(what);
    bench_put("\nnot ok 1 - bench\n");
    end(1);
}

/* Run ourselves with `argument` until it has ended. */
static void spawn_and_wait(const char *argument) {
    const char *const arguments[] = {SELF, argument, NULL};
    const char *const environment[] = {NULL};
    const struct launch launch = {.path = SELF, .arguments = arguments, .environment = environment};
    struct launch_failure failure;
    uint64_t pid = launch_spawn(program_process(), &launch, &failure);
    if (pid == 0)
        fail(failure.reason);
    struct process_wait_request request = {.pid = pid};
    struct process_wait_reply reply;
    if (process_wait(program_process(), &request, &reply, NULL) != OK || reply.value != 0)
        fail("a child did not end well");
}

/* A child: exec this program as many times as the argument says. The first of EXECS begins a row, the last prints
 * it. */
static int chain(const char *left, const char *begun) {
    uint64_t count, start = 0;
    if (!text_to_number(left, &count) || (begun != NULL && !text_to_number(begun, &start)))
        return 2;
    if (count == EXECS)
        start = bench_window_begin();
    if (count == 0 && start != 0) {
        bench_output(program_cap("tap"));
        bench_row("exec", EXECS, bench_window_end(start));
    }
    if (count == 0)
        return 0;
    char next[24], since[24];
    format_into(next, sizeof next, "%lu", count - 1);
    format_into(since, sizeof since, "%lu", start);
    const char *const arguments[] = {SELF, next, start == 0 ? NULL : since, NULL};
    const char *const environment[] = {NULL};
    const struct launch launch = {.path = SELF, .arguments = arguments, .environment = environment};
    struct launch_failure failure;
    launch_exec(program_process(), &launch, &failure);
    return 1;
}

static void server_null_call(void) {
    cap_t process = program_process();
    BENCH("server_null_call", BENCH_OPERATIONS, {
        struct process_get_pid_request request = {.zero = 0};
        struct process_get_pid_reply reply;
        if (process_get_pid(process, &request, &reply, NULL) != OK)
            fail("get_pid");
    });
}

/* Reading needs no open and no close: stat gives the file's number, which read takes. */
static void read_page(cap_t files) {
    static struct files_read_reply part;
    struct files_stat_request where = {.length_bytes = sizeof SELF - 1, .path = SELF};
    struct files_stat_reply file;
    if (files_stat(files, &where, &file, NULL) != OK)
        fail("stat");
    struct files_read_request request = {.file = file.file};
    while (request.offset_bytes < PAGE_BYTES) {
        uint64_t left = PAGE_BYTES - request.offset_bytes;
        request.most_bytes = left < FILES_BYTES_MAX ? left : FILES_BYTES_MAX;
        if (files_read(files, &request, &part, NULL) != OK || part.length_bytes != request.most_bytes)
            fail("read");
        request.offset_bytes += part.length_bytes;
    }
}

static void file_rows(void) {
    cap_t files = program_cap("files");
    BENCH("open_read_close", FILE_READS, read_page(files));
}

static void spawn_row(const char *id) {
    spawn_and_wait("0");
    uint64_t start = bench_window_begin();
    for (uint64_t i = 0; i < SPAWNS; i++)
        spawn_and_wait("0");
    bench_row(id, SPAWNS, bench_window_end(start));
}

static void exec_row(void) {
    char execs[24];
    format_into(execs, sizeof execs, "%lu", (uint64_t)EXECS);
    spawn_and_wait(execs);
}

static uint64_t fork_here(void) {
    struct process_fork_request request = {.zero = 0};
    struct process_fork_reply reply;
    if (process_fork(program_process(), &request, &reply, NULL) != OK)
        fail("fork");
    return reply.pid;
}

static void wait_for(uint64_t pid) {
    struct process_wait_request request = {.pid = pid};
    struct process_wait_reply reply;
    if (process_wait(program_process(), &request, &reply, NULL) != OK || reply.value != 0)
        fail("a forked child did not end well");
}

/* Fork children that exit, with `execs` after an exec of this program. */
static void fork_row(const char *id, bool execs) {
    uint64_t start = 0;
    for (uint64_t i = 0; i < FORKS + 2; i++) {
        if (i == 2) /* two to warm up */
            start = bench_window_begin();
        uint64_t pid = fork_here();
        if (pid == 0)
            program_exit(execs ? chain("1", NULL) : 0);
        wait_for(pid);
    }
    bench_row(id, FORKS, bench_window_end(start));
}

static volatile uint8_t *map(uint64_t pages) {
    struct process_map_request request = {.length_bytes = pages * PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE};
    struct process_map_reply reply;
    if (process_map(program_process(), &request, &reply, NULL) != OK)
        fail("map");
    return (volatile uint8_t *)reply.at;
}

static void unmap(volatile uint8_t *at, uint64_t pages) {
    struct process_unmap_request request = {.at = (uaddr_t)at, .length_bytes = pages * PAGE_BYTES};
    struct process_unmap_reply reply;
    if (process_unmap(program_process(), &request, &reply, NULL) != OK)
        fail("unmap");
}

static void touch_all(volatile uint8_t *at, uint64_t pages) {
    for (uint64_t i = 0; i < pages; i++)
        at[i * PAGE_BYTES] = 1;
}

/* Copy-on-write: the child writes to all pages that it shares with its parent. Its exit status
 * tells how long that took. */
static void cow_row(void) {
    volatile uint8_t *memory = map(TOUCHED);
    volatile uint64_t *told = (volatile uint64_t *)0;
    struct process_map_request request = {
        .length_bytes = PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .flags = PROCESS_MAP_TOGETHER};
    struct process_map_reply reply;
    if (process_map(program_process(), &request, &reply, NULL) != OK)
        fail("map shared");
    told = (volatile uint64_t *)reply.at;
    touch_all(memory, TOUCHED);
    uint64_t pid = fork_here();
    if (pid == 0) {
        *told = 0;
        uint64_t start = bench_window_begin();
        touch_all(memory, TOUCHED);
        *told = bench_window_end(start);
        program_exit(0);
    }
    wait_for(pid);
    bench_row("cow_fault", TOUCHED, *told);
    unmap(memory, TOUCHED);
}

static volatile uint64_t handled;

static void count_signal(uint64_t signal, const struct process_signal_frame *frame) {
    (void)signal, (void)frame;
    handled++;
}

static void signal_row(void) {
    struct process_get_pid_request who = {.zero = 0};
    struct process_get_pid_reply self;
    if (signal_handle(PROCESS_SIGUSR1, count_signal, 0) != OK ||
        process_get_pid(program_process(), &who, &self, NULL) != OK)
        fail("signal_handle");
    struct process_kill_request request = {.pid = self.pid, .signal = PROCESS_SIGUSR1};
    struct process_kill_reply reply;
    cap_t process = program_process();
    BENCH("signal_self", SIGNALS, {
        if (process_kill(process, &request, &reply, NULL) != OK)
            fail("kill");
    });
    if (handled != SIGNALS + BENCH_WARM_UP)
        fail("a signal was not handled");
}

static uint64_t end_at_once(void *argument) { return (uint64_t)argument; }

static void thread_row(void) {
    uint64_t thread, value;
    BENCH("thread_create_join", THREADS, {
        if (threads_start(end_at_once, NULL, &thread) != OK || threads_join(thread, &value) != OK)
            fail("thread");
    });
}

static void memory_rows(void) {
    volatile uint8_t *memory = map(TOUCHED);
    uint64_t start = bench_window_begin();
    for (uint64_t i = TOUCHED; i > 0; i--) /* downwards, so that no page is mapped along with another */
        memory[(i - 1) * PAGE_BYTES] = 1;
    bench_row("anonymous_fault", TOUCHED, bench_window_end(start));
    unmap(memory, TOUCHED);
    for (uint64_t i = 0; i < MAPS + 2; i++) {
        if (i == 2)
            start = bench_window_begin();
        memory = map(256);
        touch_all(memory, 256);
        unmap(memory, 256);
    }
    bench_row("map_touch_unmap_256", MAPS, bench_window_end(start));
    cow_row();
}

static _Noreturn void sleep_for_ever(void) {
    struct process_sleep_request request = {UINT64_MAX};
    struct process_sleep_reply reply;
    for (;;)
        (void)process_sleep(program_process(), &request, &reply, NULL);
}

static uint64_t free_bytes(void) {
    struct process_memory_request request = {.zero = 0};
    struct process_memory_reply reply;
    if (process_memory(program_process(), &request, &reply, NULL) != OK)
        fail("memory");
    return reply.frames_free * PAGE_BYTES;
}

/* End a server that keeps its state, and call its successor. */
static void restart_row(const char *row, const char *server) {
    struct init_restart_request restart = {{0}};
    struct init_restart_reply restarted;
    const struct server_counter_request request = {0};
    struct server_counter_reply reply;
    memcpy(restart.name, server, strlen(server));
    BENCH(row, RESTARTS, {
        if (init_restart(program_cap("init"), &restart, &restarted, NULL) != OK ||
            server_counter(program_cap(server), &request, &reply) != OK)
            fail("a restart of a server");
    });
}

/* A process that takes the time which nobody else wants. */
static uint64_t start_spinner(void) {
    const struct process_set_nice_request nice = {.nice = PROCESS_NICE_MAX};
    struct process_set_nice_reply reply;
    uint64_t pid = fork_here();
    if (pid != 0)
        return pid;
    if (process_set_nice(program_process(), &nice, &reply, NULL) != OK)
        fail("nice");
    for (;;)
        continue;
}

static void end_spinner(uint64_t pid) {
    const struct process_kill_request kill = {.pid = pid, .signal = PROCESS_SIGKILL};
    const struct process_wait_request wait = {.pid = pid};
    struct process_kill_reply killed;
    struct process_wait_reply end;
    if (process_kill(program_process(), &kill, &killed, NULL) != OK ||
        process_wait(program_process(), &wait, &end, NULL) != OK)
        fail("a process that spins");
}

/*
 * Put a program of the same image in the place of the process server, and call it. init looks from time to time whether
 * the new program has decided, which counts: the spinner has the CPU until then.
 */
static void swap_row(const char *row) {
    static const struct init_swap_request swap = {.name = "process", .path = "bin/process"};
    struct init_swap_reply swapped;
    const struct server_counter_request request = {0};
    struct server_counter_reply reply;
    uint64_t spinner = start_spinner();
    BENCH(row, SWAPS, {
        if (init_swap(program_cap("init"), &swap, &swapped, NULL) != OK || !swapped.is_done ||
            server_counter(program_process(), &request, &reply) != OK)
            fail("a swap of the process server");
    });
    end_spinner(spinner);
}

/* Repeat rows with other, sleeping processes alive: these must not cost anything. */
static void crowd_rows(void) {
    static const struct {
        uint64_t alive;
        const char *fork_row, *spawn_row, *idle_row, *swap_row;
    } rows[] = {{10, "fork_exit_wait_10", "spawn_wait_10", "idle_process_bytes_10", "swap_process_10"},
                {100, "fork_exit_wait_100", "spawn_wait_100", "idle_process_bytes_100", NULL},
                {1000, "fork_exit_wait_1000", "spawn_wait_1000", "idle_process_bytes_1000", "swap_process_1000"}};
    uint64_t alive = 1, before_bytes = free_bytes();
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (; alive < rows[i].alive; alive++)
            if (fork_here() == 0)
                sleep_for_ever();
        bench_row(rows[i].idle_row, alive - 1, before_bytes - free_bytes());
        fork_row(rows[i].fork_row, false);
        spawn_row(rows[i].spawn_row);
        if (rows[i].swap_row != NULL)
            swap_row(rows[i].swap_row);
    }
}

int main(int argument_count, char **arguments, char **environment) {
    (void)environment;
    uint64_t entered = bench_ticks();
    if (argument_count == 2 && strcmp(arguments[1], PIPE_BENCH_PARTNER) == 0)
        return pipe_bench_partner();
    if (argument_count >= 2)
        return chain(arguments[1], arguments[2]);
    COUNTER_MARK_HERE(COUNTER_MARK_END);
    bench_output(program_cap("tap"));
    bench_put("1..1\n");
    bench_row("boot_to_prompt", 1, entered - sys_system_info(INFO_BOOT_TICKS, 0).value);
    server_null_call();
    file_rows();
    pipe_bench_row(SELF, fail);
    spawn_row("spawn_wait");
    exec_row();
    fork_row("fork_exit_wait", false);
    fork_row("fork_exec_wait", true);
    memory_rows();
    signal_row();
    thread_row();
    restart_row("restart_process", "process");
    crowd_rows();
    restart_row("restart_process_1000", "process");
    restart_row("restart_server", "pipes");
    bench_put("ok 1 - bench\n");
    end(0);
}
