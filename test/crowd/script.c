#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/proto/stream.h"
#include "libsys/runtime/signal.h"
#include "libsys/wire/status_text.h"
#include "test/crowd/suite.h"
#include "test/lib/servers.h"
#include "test/lib/status.h"
#include "userland/lib/file.h"
#include "userland/lib/launch.h"
#include "userland/lib/pipe.h"

#define SELF "/bin/crowd_suite"
#define LINE_BYTES 64U
#define LINES 3U
#define PAGES 4U
#define SLEEP_NS 2000000U
#define SPIN_NS 300000U
#define EXECUTED 41

enum crowd_role { ROLE_SLEEPS, ROLE_READS, ROLE_EXECUTES, ROLE_FAULTS, ROLE_STOPS, ROLE_WAITS, ROLE_SIGNALS };

struct crowd *crowd;

static struct pipe_ends lines[CROWD_MAX]; /* to those that read */
static uint64_t pages[PAGES][PAGE_BYTES / 8];
static volatile uint64_t handled;

/* ---- calls ---- */

static void count(uint64_t *counter) { (void)__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

static void spin(void) {
    for (uint64_t begin_ns = sys_clock_read().value; sys_clock_read().value - begin_ns < SPIN_NS;)
        __asm__ volatile("pause");
}

/* Before each call of anybody. */
static void begin_call(void) {
    char why[INIT_NO_MAX] = "";
    uint32_t status;
    if (crowd->swapped == NULL)
        return;
    const char *image = crowd->other != NULL && crowd->swaps % 2 == 0 ? crowd->other : crowd->image;
    while ((status = swap_server(crowd->swapped, image, why)) == P_BUSY)
        spin(); /* another process's swap is under way, and init must find the time for it */
    if (CHECK_STATUS(status, OK))
        CHECK_TEXT(why, "");
    count(status == OK && why[0] == '\0' ? &crowd->swaps : &crowd->lost);
}

/* Is the call to be made again? One at which the server failed was not made. */
static bool again(uint32_t status, const char *what) {
    if (status == P_FAILED) {
        count(&crowd->told);
        return true;
    }
    if (status != OK) {
        count(&crowd->lost);
        test_note("%s: %s", what, status_name(status));
    }
    return false;
}

#define CALL(what, call) \
    do                   \
        begin_call();    \
    while (again((call), (what)))

struct message crowd_order(enum storm_order what, uint64_t a, uint64_t b, uint64_t c) {
    struct message message = {.info = MESSAGE_INFO(STORM_LABEL, 4, 0), .words = {what, a, b, c}};
    CHECK_STATUS(ep_call(program_process(), &message), OK);
    CHECK_EQUAL(message_label(message.info), OK);
    return message;
}

static _Noreturn void leave(int code) {
    for (;;) {
        begin_call();
        const struct process_exit_request request = {.code = (uint64_t)code};
        struct process_exit_reply reply;
        (void)again(process_exit(program_process(), &request, &reply, NULL), "exit");
    }
}

uint64_t crowd_fork(void) {
    const struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    CALL("fork", process_fork(program_process(), &request, &reply, NULL));
    return reply.pid;
}

struct process_wait_reply crowd_wait(uint64_t pid) {
    const struct process_wait_request request = {.pid = pid};
    struct process_wait_reply reply = {0};
    CALL("wait", process_wait(program_process(), &request, &reply, NULL));
    return reply;
}

static void doze(uint64_t duration_ns) {
    const struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    CALL("sleep", process_sleep(program_process(), &request, &reply, NULL));
}

static void send(uint64_t pid, uint64_t signal) {
    const struct process_kill_request request = {.pid = pid, .signal = signal};
    struct process_kill_reply reply;
    CALL("kill", process_kill(program_process(), &request, &reply, NULL));
}

static void write_bytes(cap_t to, uint64_t length_bytes) {
    static struct stream_write_request request;
    struct stream_write_reply reply;
    request.length_bytes = length_bytes;
    for (uint64_t i = 0; i < length_bytes; i++)
        request.bytes[i] = (uint8_t)i;
    CALL("write", stream_write(to, &request, &reply, NULL));
}

/* Read so many bytes. Returns their sum. */
static uint64_t read_bytes(cap_t from, uint64_t length_bytes) {
    static struct stream_read_reply reply;
    uint64_t sum = 0;
    while (length_bytes > 0) {
        const struct stream_read_request request = {length_bytes < LINE_BYTES ? length_bytes : LINE_BYTES};
        reply.length_bytes = 0;
        CALL("read", stream_read(from, &request, &reply, NULL));
        if (reply.length_bytes == 0)
            leave(CROWD_WRONG);
        for (uint64_t i = 0; i < reply.length_bytes; i++)
            sum += reply.bytes[i];
        length_bytes -= reply.length_bytes;
    }
    return sum;
}

/* ---- roles ---- */

static void on_signal(uint64_t signal, const struct process_signal_frame *frame) {
    (void)signal, (void)frame;
    handled++;
}

int crowd_executed(void) {
    const struct process_exit_request request = {.code = EXECUTED};
    struct process_exit_reply reply;
    (void)process_exit(program_process(), &request, &reply, NULL);
    return CROWD_TOLD;
}

static _Noreturn void execute(void) {
    const char *const arguments[] = {SELF, "executed", NULL};
    const char *const environment[] = {NULL};
    const struct launch launch = {.path = SELF, .arguments = arguments, .environment = environment};
    struct launch_failure failure;
    do {
        begin_call();
        launch_exec(program_process(), &launch, &failure);
    } while (again(failure.status, "exec"));
    leave(CROWD_WRONG);
}

/* Pages that are the parent's until they are written to, new pages, and one that is not there. */
static _Noreturn void fault(void) {
    const struct process_map_request request = {.length_bytes = PAGES * PAGE_BYTES,
                                                .rights = MEMORY_READ | MEMORY_WRITE};
    struct process_map_reply reply = {0};
    CALL("map", process_map(program_process(), &request, &reply, NULL));
    uint64_t(*fresh)[PAGE_BYTES / 8] = (void *)reply.at;
    for (uint64_t i = 0; i < PAGES; i++) {
        if (pages[i][i] != i + 1 || fresh[i][7] != 0)
            leave(CROWD_WRONG);
        pages[i][i] = 0;
        fresh[i][7] = 1;
    }
    *(volatile uint64_t *)8 = 0;
    leave(CROWD_WRONG);
}

static _Noreturn void wait_for_another(void) {
    uint64_t pid = crowd_fork();
    if (pid == 0)
        leave(7);
    struct process_wait_reply end = crowd_wait(pid);
    leave(end.fault == PROCESS_SERVER_FAILED ? CROWD_TOLD : (int)end.value + 1);
}

static _Noreturn void signal_itself(void) {
    for (uint64_t i = 0; i < CROWD_SIGNALS; i++)
        CALL("signal", signal_self(PROCESS_SIGUSR2));
    leave((int)handled);
}

static _Noreturn void play(enum crowd_role role, cap_t from) {
    struct files_stat_reply file = {0};
    if (role == ROLE_SIGNALS)
        CALL("handler", signal_handle(PROCESS_SIGUSR2, on_signal, 0));
    switch (role) {
    case ROLE_SLEEPS:
        doze(SLEEP_NS);
        CALL("stat", file_stat(SELF, &file));
        leave(file.size_bytes > 0 ? 1 : CROWD_WRONG);
    case ROLE_READS:
        leave((int)(read_bytes(from, LINES * LINE_BYTES) % 90));
    case ROLE_EXECUTES:
        execute();
    case ROLE_FAULTS:
        fault();
    case ROLE_STOPS:
        for (;;)
            doze(UINT64_MAX);
    case ROLE_WAITS:
        wait_for_another();
    case ROLE_SIGNALS:
        signal_itself();
    }
}

/* ---- the leader ---- */

static void start(uint64_t number) {
    enum crowd_role role = (enum crowd_role)(number % CROWD_ROLES);
    if (role == ROLE_READS)
        CALL("pipe", pipe_make(&lines[number]));
    uint64_t pid = crowd_fork();
    if (pid == 0)
        play(role, lines[number].reader);
    crowd->ends[number].pid = pid;
}

static void talk(uint64_t number) {
    uint64_t pid = crowd->ends[number].pid;
    if (number % CROWD_ROLES == ROLE_READS)
        write_bytes(lines[number].writer, LINE_BYTES);
    if (number % CROWD_ROLES == ROLE_STOPS) {
        send(pid, PROCESS_SIGSTOP);
        send(pid, PROCESS_SIGUSR1);
        send(pid, PROCESS_SIGCONT);
    }
}

/* Process 1 waits by then, and until the storm is over: if it were lost, so would be the machine. */
static void begin_storm(void) {
    doze(SLEEP_NS);
    (void)crowd_order(STORM_START, 0, 0, 0);
}

_Noreturn void crowd_lead(void) {
    for (uint64_t i = 0; i < PAGES; i++)
        pages[i][i] = i + 1;
    if (crowd->storms)
        begin_storm();
    for (uint64_t i = 0; i < crowd->count; i++)
        start(i);
    for (uint64_t line = 0; line < LINES; line++)
        for (uint64_t i = 0; i < crowd->count; i++)
            if (line == 0 || i % CROWD_ROLES == ROLE_READS)
                talk(i);
    for (uint64_t i = 0; i < crowd->count; i++) {
        struct process_wait_reply end = crowd_wait(crowd->ends[i].pid);
        crowd->ends[i] = (struct crowd_end){0, end.end, end.value, end.fault};
    }
    if (crowd->storms)
        (void)crowd_order(STORM_STOP, 0, 0, 0);
    leave(0);
}
