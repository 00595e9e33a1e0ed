/*
 * Do pipes do what the protocol promises, seen from ring 3 alone? All calls go to the servers of the running system.
 * The children at the other ends are this program itself, called with the name of a role.
 *
 * Prints a line for each check; exits 0 if all hold, otherwise with the number of failures (at most 100).
 */
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/runtime/signal.h"
#include "libsys/runtime/stream.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "libsys/wire/status_text.h"
#include "userland/lib/command.h"
#include "userland/lib/launch.h"
#include "userland/lib/pipe.h"

#define SELF "/bin/streamtest"
#define FAILURES_MAX 100U
#define PIPES_MAX 64U      /* the server's pipes */
#define READERS 8U         /* most calls that may wait at one end */
#define SETTLE_NS 20000000 /* by then a child waits in its call */
#define CROWD 150U         /* more than may wait at the pipes of one program */
#define WRITERS 3U
#define LINES 1000U /* of each writer */
#define LINE_MAX 512U
#define TICK_NS 300000U /* between two signals */

/* Exit statuses of children. */
enum { CHILD_WRONG = 5, CHILD_BROKEN = 7 };

static const char usage[] =
    "streamtest [interrupted]    test pipes from ring 3; interrupted: only how they bear signals";

static uint64_t check_count;
static uint64_t failure_count;

static void check(bool holds, const char *what) {
    check_count++;
    if (!holds)
        failure_count++;
    print("%s %lu - %s\n", holds ? "ok" : "not ok", check_count, what);
}

static void check_status(uint32_t status, uint32_t wanted, const char *what) {
    check(status == wanted, what);
    if (status != wanted)
        print("# status %s, wanted %s\n", status_name(status), status_name(wanted));
}

static uint8_t byte_at(uint64_t number) { return (uint8_t)(number * 167 + (number >> 8)); }

/* ---- the children ---- */

static int write_many(uint64_t count) {
    static uint8_t bytes[1000];
    for (uint64_t done = 0; done < count;) {
        uint64_t part = count - done < sizeof bytes ? count - done : sizeof bytes;
        for (uint64_t i = 0; i < part; i++)
            bytes[i] = byte_at(done + i);
        uint32_t status = stream_write_all(stream_out(), bytes, part, NULL);
        if (status != OK)
            return status == P_BROKEN ? CHILD_BROKEN : CHILD_WRONG;
        done += part;
    }
    return 0;
}

/* Read to the end, which must come after `count` bytes. */
static int read_many(uint64_t count) {
    static uint8_t bytes[300];
    size_t length = 1;
    uint64_t done = 0;
    while (length > 0) {
        if (stream_read_some(stream_in(), bytes, sizeof bytes, &length) != OK)
            return CHILD_WRONG;
        for (size_t i = 0; i < length; i++)
            if (bytes[i] != byte_at(done++))
                return CHILD_WRONG;
    }
    return done == count ? 0 : CHILD_WRONG;
}

static int read_once(void) {
    uint8_t byte;
    size_t length;
    uint32_t status = stream_read_some(stream_in(), &byte, 1, &length);
    return status == OK ? 0 : CHILD_WRONG;
}

static void wait_ns(uint64_t duration_ns) {
    struct process_sleep_request request = {.until_ns = program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    if (process_sleep(program_process(), &request, &reply, NULL) != OK)
        failure_count++;
}

static void set_alarm(uint64_t duration_ns) {
    struct process_alarm_request request = {.duration_ns = duration_ns};
    struct process_alarm_reply reply;
    (void)process_alarm(program_process(), &request, &reply, NULL);
}

static void tick(uint64_t signal, const struct process_signal_frame *frame) { (void)signal, (void)frame; }

/* Have one signal come soon, perhaps during the next call. (A repeated one would keep a slow machine fully busy.) */
static bool is_interrupted;
static void interrupt_soon(uint64_t turn) {
    if (is_interrupted)
        set_alarm((1 + turn % 8) * TICK_NS);
}

/* Write lines of `length` bytes, line end included: the writer's letter, the line's number, and letters. */
static int write_lines(uint64_t length) {
    static char line[LINE_MAX + 1];
    struct process_get_pid_request who = {.zero = 0};
    struct process_get_pid_reply self;
    if (process_get_pid(program_process(), &who, &self, NULL) != OK)
        return CHILD_WRONG;
    char letter = (char)('a' + self.pid % 26);
    for (uint32_t i = 0; i < LINES; i++) {
        interrupt_soon(i);
        memset(line, letter, length - 1);
        (void)format_into(line + 1, 9, "%08u", i);
        line[9] = letter;
        line[length - 1] = '\n';
        print("%s", line);
    }
    return 0;
}

static int read_whole_lines(uint64_t length) {
    static char line[LINE_MAX];
    static uint64_t next[256];
    size_t filled = 0, got;
    uint64_t lines = 0, number;
    for (;;) {
        interrupt_soon(lines);
        if (stream_read_some(stream_in(), line + filled, length - filled, &got) != OK)
            return CHILD_WRONG;
        if (got == 0)
            return filled == 0 && lines == WRITERS * LINES ? 0 : CHILD_WRONG;
        filled += got;
        if (filled < length)
            continue;
        char letter = line[0];
        for (size_t i = 9; i + 1 < length; i++)
            if (line[i] != letter)
                return CHILD_WRONG;
        line[9] = '\0';
        if (line[length - 1] != '\n' || !text_to_number(line + 1, &number) || number != next[(uint8_t)letter]++)
            return CHILD_WRONG;
        lines++;
        filled = 0;
    }
}

static int play(const char *role, const char *number) {
    uint64_t count;
    if (!text_to_number(number, &count))
        return CHILD_WRONG;
    is_interrupted = strcmp(role, "lines-interrupted") == 0 || strcmp(role, "whole-interrupted") == 0;
    if (is_interrupted && signal_handle(PROCESS_SIGALRM, tick, 0) != OK)
        return CHILD_WRONG;
    if (strcmp(role, "write") == 0)
        return write_many(count);
    if (strcmp(role, "read") == 0)
        return read_many(count);
    if (strcmp(role, "once") == 0)
        return read_once();
    if (strcmp(role, "lines") == 0 || strcmp(role, "lines-interrupted") == 0)
        return write_lines(count);
    if (strcmp(role, "whole") == 0 || strcmp(role, "whole-interrupted") == 0)
        return read_whole_lines(count);
    wait_ns(count); /* role `hold`: it has its ends and uses neither */
    return 0;
}

/* ---- and their parent ---- */

/* Start a child with these ends (0: none). Returns its pid; 0: a check has failed. */
static uint64_t start(const char *role, const char *number, cap_t in, cap_t out) {
    const char *const arguments[] = {SELF, role, number, NULL};
    const char *const environment[] = {NULL};
    struct launch_capability ends[2];
    size_t count = 0;
    if (in != 0)
        ends[count++] = (struct launch_capability){"stdin", in};
    if (out != 0)
        ends[count++] = (struct launch_capability){"stdout", out};
    const struct launch launch = {.path = SELF,
                                  .arguments = arguments,
                                  .environment = environment,
                                  .capabilities = ends,
                                  .capability_count = count};
    struct launch_failure failure;
    uint64_t pid = launch_spawn(program_process(), &launch, &failure);
    if (pid == 0)
        check(false, "a child is started with its ends");
    return pid;
}

/* Wait for a child. Returns its exit status, or 128 and more. *pid may be PROCESS_ANY; it becomes the child's pid. */
static uint64_t outcome(uint64_t *pid) {
    struct process_wait_request request = {.pid = *pid};
    struct process_wait_reply reply;
    if (process_wait(program_process(), &request, &reply, NULL) != OK)
        return UINT64_MAX;
    *pid = reply.pid;
    return reply.end == PROCESS_EXITED ? reply.value : 128 + reply.value;
}

static void stop(uint64_t pid) {
    struct process_kill_request request = {.pid = pid, .signal = PROCESS_SIGKILL};
    struct process_kill_reply reply;
    check_status(process_kill(program_process(), &request, &reply, NULL), OK, "a child is killed");
    check(outcome(&pid) == 128 + PROCESS_SIGKILL, "... and has ended");
}

static struct pipe_ends make(void) {
    struct pipe_ends ends;
    check_status(pipe_make(&ends), OK, "a pipe is made");
    return ends;
}

static void check_end_of_file(void) {
    struct pipe_ends ends = make();
    uint8_t bytes[16];
    size_t length = 0;
    uint64_t pid = start("write", "5", 0, ends.writer);
    pipe_drop(&ends.writer);
    check(outcome(&pid) == 0, "the writer has written and ended");
    check(stream_read_some(ends.reader, bytes, sizeof bytes, &length) == OK && length == 5 && bytes[4] == byte_at(4),
          "what it wrote is there");
    check(stream_read_some(ends.reader, bytes, sizeof bytes, &length) == OK && length == 0, "then comes the end");
    check(stream_read_some(ends.reader, bytes, sizeof bytes, &length) == OK && length == 0, "... again");
    pipe_drop(&ends.reader);

    ends = make();
    pid = start("read", "0", ends.reader, 0);
    wait_ns(SETTLE_NS);
    pipe_drop(&ends.writer);
    check(outcome(&pid) == 0, "a reader that waits learns the end");
    pipe_drop(&ends.reader);
}

static void check_long(void) {
    struct pipe_ends ends = make();
    uint64_t writer = start("write", "102400", 0, ends.writer), reader = start("read", "102400", ends.reader, 0);
    pipe_drop(&ends.reader);
    pipe_drop(&ends.writer);
    check(outcome(&writer) == 0, "100 KiB are written");
    check(outcome(&reader) == 0, "... and read, each byte as it was");
}

static void check_broken(void) {
    struct pipe_ends ends = make();
    uint64_t holder = start("hold", "60000000000", ends.reader, 0);
    pipe_drop(&ends.reader);
    check_status(stream_write_all(ends.writer, "abc", 3, NULL), OK, "somebody may read it");
    stop(holder);
    check_status(stream_write_all(ends.writer, "abc", 3, NULL), P_BROKEN, "nobody can any more");
    pipe_drop(&ends.writer);

    ends = make();
    holder = start("hold", "60000000000", ends.reader, 0);
    uint64_t writer = start("write", "102400", 0, ends.writer);
    pipe_drop(&ends.reader);
    pipe_drop(&ends.writer);
    wait_ns(SETTLE_NS);
    stop(holder);
    check(outcome(&writer) == CHILD_BROKEN, "a writer that waits learns that nobody reads");
}

static void check_killed_while_waiting(void) {
    struct pipe_ends ends = make();
    uint8_t bytes[16];
    size_t length;
    uint64_t reader = start("once", "0", ends.reader, 0);
    wait_ns(SETTLE_NS);
    stop(reader);
    check_status(stream_write_all(ends.writer, "abc", 3, NULL), OK, "the other reader is still there");
    check(stream_read_some(ends.reader, bytes, sizeof bytes, &length) == OK && length == 3,
          "who died while it waited took nothing along");
    pipe_drop(&ends.reader);
    pipe_drop(&ends.writer);
}

static void check_limits(void) {
    static struct pipe_ends ends[PIPES_MAX];
    uint32_t most[2] = {0};
    for (uint32_t round = 0; round < 2; round++) {
        while (most[round] < PIPES_MAX && pipe_make(&ends[most[round]]) == OK)
            most[round]++;
        for (uint32_t i = 0; i < most[round]; i++) {
            pipe_drop(&ends[i].reader);
            pipe_drop(&ends[i].writer);
        }
    }
    check(most[0] > 0 && most[0] == most[1], "when their ends are gone as many pipes can be made again");

    struct pipe_ends one = make();
    uint64_t readers[READERS];
    for (uint32_t i = 0; i < READERS; i++)
        readers[i] = start("once", "0", one.reader, 0);
    wait_ns(SETTLE_NS);
    for (uint32_t i = 0; i + 1 < READERS; i++)
        stop(readers[i]);
    check_status(stream_write_all(one.writer, "x", 1, NULL), OK, "a byte for the last of many that wait");
    check(outcome(&readers[READERS - 1]) == 0, "... who gets it, for the others are dead");
    pipe_drop(&one.reader);
    pipe_drop(&one.writer);
}

/* If all places to wait are taken, the library calls again: no program fails because of that. */
static void check_crowd(void) {
    static uint64_t readers[CROWD];
    static const uint8_t bytes[CROWD];
    struct process_fork_request request = {.zero = 0};
    struct pipe_ends ends = make();
    uint32_t count = 0, well = 0;
    for (; count < CROWD; count++) {
        struct process_fork_reply child;
        if (process_fork(program_process(), &request, &child, NULL) != OK)
            break;
        if (child.pid == 0) {
            uint8_t byte;
            size_t length = 0;
            bool reads = stream_read_some(ends.reader, &byte, 1, &length) == OK && length == 1;
            program_exit(reads ? 0 : CHILD_WRONG);
        }
        readers[count] = child.pid;
    }
    wait_ns(10ULL * SETTLE_NS);
    check_status(stream_write_all(ends.writer, bytes, count, NULL), OK, "a byte is written for each of a crowd");
    for (uint32_t i = 0; i < count; i++)
        well += outcome(&readers[i]) == 0;
    check(count == CROWD && well == CROWD, "... and each gets one, also those who found no place to wait");
    pipe_drop(&ends.reader);
    pipe_drop(&ends.writer);
}

/* Several programs write lines: each line has to come whole, even if handlers interrupt the writers and the reader. */
static void check_whole(bool interrupted) {
    static const char *const lengths[] = {"100", "491", "512"};
    for (uint32_t round = 0; round < 3; round++) {
        struct pipe_ends ends = make();
        uint64_t writers[WRITERS],
            reader = start(interrupted ? "whole-interrupted" : "whole", lengths[round], ends.reader, 0);
        for (uint32_t i = 0; i < WRITERS; i++)
            writers[i] = start(interrupted ? "lines-interrupted" : "lines", lengths[round], 0, ends.writer);
        pipe_drop(&ends.reader);
        pipe_drop(&ends.writer);
        bool wrote = true;
        for (uint32_t i = 0; i < WRITERS; i++)
            wrote = outcome(&writers[i]) == 0 && wrote;
        check(wrote, "many lines are written by several programs");
        check(outcome(&reader) == 0, "... and each comes whole");
    }
}

static void check_refused(void) {
    struct pipe_ends ends = make();
    struct stream_read_request nothing = {.most_bytes = 0}, much = {.most_bytes = STREAM_BYTES_MAX + 1};
    static struct stream_read_reply bytes;
    static struct stream_write_request empty;
    struct stream_write_reply written;
    uint8_t byte = 0;
    size_t length;
    check_status(stream_write_all(ends.reader, &byte, 1, NULL), P_PERMISSION, "the reader's end can't be written");
    check_status(stream_read_some(ends.writer, &byte, 1, &length), P_PERMISSION, "the writer's end can't be read");
    check_status(stream_read(ends.reader, &nothing, &bytes, NULL), P_ARGUMENT, "no bytes can't be read");
    check_status(stream_read(ends.reader, &much, &bytes, NULL), P_ARGUMENT, "nor more than fit a message");
    check_status(stream_write(ends.writer, &empty, &written, NULL), P_ARGUMENT, "no bytes can't be written");
    check_status(stream_read_some(program_cap("pipes"), &byte, 1, &length), P_OPERATION, "what makes pipes is none");
    struct pipes_create_request request = {.zero = 0};
    struct pipes_create_reply reply;
    struct protocol_extra extra = {.receive = {slot_take(), slot_take()}};
    check_status(pipes_create(ends.writer, &request, &reply, &extra), P_OPERATION, "a pipe's end makes no pipes");
    pipe_drop(&ends.reader);
    pipe_drop(&ends.writer);
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    if (command_help(argc, argv, usage))
        return 0;
    if (argc == 3)
        return play(argv[1], argv[2]);
    if (argc == 2) {
        check_whole(true);
    } else {
        check_end_of_file();
        check_long();
        check_broken();
        check_killed_while_waiting();
        check_limits();
        check_crowd();
        check_whole(false);
        check_refused();
    }
    print("streamtest: %lu checks, %lu failed\n", check_count, failure_count);
    return (int)(failure_count < FAILURES_MAX ? failure_count : FAILURES_MAX);
}
