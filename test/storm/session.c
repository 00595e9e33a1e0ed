/*
 * The programs of a storm. A child writes numbered records to a pipe, more than it holds. The parent reads them, writes
 * each to a file, and then reads the file. It also makes a copy of the file in memory, uses memory of its own, runs a
 * program, and prints on the console.
 *
 * A call that fails with E_PEER may have been made or not. So its caller does not make it again where that could be
 * seen, and one record may be missing for each. A call that was refused was not made: it is made again.
 */
#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/proto/process.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "test/lib/test.h"
#include "test/storm/suite.h"
#include "userland/lib/file.h"
#include "userland/lib/launch.h"
#include "userland/lib/pipe.h"

#define RECORD_BYTES STREAM_ATOMIC_BYTES
#define RECORDS 72U /* more than PIPE_BYTES: the writer waits for room */
_Static_assert(RECORDS *RECORD_BYTES > PIPE_BYTES, "the pipe is full at times");
#define SLOW_RECORDS 8U  /* at first the writer pauses before each, so that the reader waits; ... */
#define PAUSE_RECORDS 4U /* ... then the reader pauses after as many, so that the pipe fills, and the writer waits */
#define PAUSE_NS 3000000U
#define LINES 4U
#define TRIES 20U
#define PATH "/tmp/storm"
#define PAGES 8U
#define PROGRAM "/bin/true"

static uint64_t own_pid;

static void fail(const char *what, uint32_t status) {
    session->wrong = true;
    test_note("%s: %s", what, status_name(status));
}

/* Was the call refused, or its answer lost? Count it then. */
static bool is_told(uint32_t status) {
    bool may = status == E_PEER || status == E_LIMIT || status == E_MEMORY || status == E_BUSY || status == P_LIMIT ||
               status == P_NO_SPACE || status == P_NO_MEMORY || status == P_KERNEL || status == P_FAILED;
    if (may)
        __atomic_fetch_add(&session->told, 1, __ATOMIC_RELAXED);
    return may;
}

/* Is the call to be made once more? */
static bool again(const char *what, uint32_t status, uint32_t *tries) {
    if (status == OK)
        return false;
    if ((is_told(status) || status == P_CROWDED) && ++*tries < TRIES)
        return true;
    fail(what, status);
    return false;
}

/* ... which must not be made twice. */
static bool again_if_refused(const char *what, uint32_t status, uint32_t *tries) {
    if (status != E_PEER)
        return again(what, status, tries);
    (void)is_told(status);
    return false;
}

static void pause(void) {
    const struct process_sleep_request request = {program_time_in(PAUSE_NS)};
    struct process_sleep_reply reply;
    uint32_t status, tries = 0;
    do
        status = process_sleep(program_process(), &request, &reply, NULL);
    while (again("sleep", status, &tries));
}

/* ---- children ---- */

static void learn_own_pid(void) {
    const struct process_get_pid_request request = {0};
    struct process_get_pid_reply reply = {0};
    uint32_t status, tries = 0;
    do
        status = process_get_pid(program_process(), &request, &reply, NULL);
    while (again("get_pid", status, &tries));
    own_pid = reply.pid;
}

/* Returns a child; 0: there is none. */
static uint64_t find_child(void) {
    struct process_list_request request = {0};
    struct process_list_reply reply = {0};
    uint32_t status, tries = 0;
    for (;;) {
        do
            status = process_list(program_process(), &request, &reply, NULL);
        while (status != P_END && again("list", status, &tries));
        if (status != OK)
            return 0;
        if (reply.parent == own_pid)
            return reply.pid;
        request.pid = reply.pid + 1;
    }
}

/*
 * Returns the pid of a new process, as fork does. If the answer is lost, there may be one: the caller has no other
 * child.
 */
static uint64_t make_child(void) {
    const struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    uint32_t status, tries = 0;
    do {
        status = process_fork(program_process(), &request, &reply, NULL);
        if (status == E_PEER && (reply.pid = find_child()) != 0)
            (void)is_told(status);
    } while (reply.pid == 0 && again("fork", status, &tries));
    return reply.pid;
}

/*
 * Wait for a child's end. If the answer is lost, the child may be forgotten. A program that was run has no handler for
 * the suite's signals.
 */
static void join(uint64_t pid) {
    const struct process_wait_request request = {.pid = pid};
    struct process_wait_reply reply = {0};
    uint32_t status, tries = 0;
    do {
        status = process_wait(program_process(), &request, &reply, NULL);
        if (status == P_NO_CHILD && tries > 0)
            return;
    } while (again("wait", status, &tries));
    bool ends_well = reply.end == PROCESS_EXITED;
    for (uint32_t i = 0; i < SESSION_SIGNALS; i++)
        ends_well = ends_well || (reply.end == PROCESS_KILLED && reply.value == session_signals[i]);
    if (status == OK && !ends_well)
        session_is_cut(&reply);
}

/* Run a program to its end. */
static void run_program(void) {
    static const char *const arguments[] = {PROGRAM, NULL}, *const environment[] = {NULL};
    const struct launch launch = {.path = PROGRAM, .arguments = arguments, .environment = environment};
    struct launch_failure failure;
    uint64_t pid;
    uint32_t tries = 0;
    do {
        failure.status = OK;
        pid = launch_spawn(program_process(), &launch, &failure);
        if (failure.status == E_PEER && (pid = find_child()) != 0)
            (void)is_told(failure.status);
    } while (pid == 0 && again("spawn", failure.status, &tries));
    if (pid != 0)
        join(pid);
}

/* ---- memory ---- */

static void use_memory(void) {
    const struct process_map_request request = {.length_bytes = PAGES * PAGE_BYTES,
                                                .rights = MEMORY_READ | MEMORY_WRITE};
    struct process_map_reply reply = {0};
    struct process_unmap_reply unmapped;
    uint32_t status, tries = 0;
    do
        status = process_map(program_process(), &request, &reply, NULL);
    while (again("map", status, &tries));
    if (status != OK)
        return;
    volatile uint64_t *words = (volatile uint64_t *)reply.at;
    for (uint64_t i = 0; i < PAGES; i++)
        words[i * PAGE_BYTES / 8] = i + 1;
    for (uint64_t i = 0; i < PAGES; i++)
        if (words[i * PAGE_BYTES / 8] != i + 1 || words[i * PAGE_BYTES / 8 + 1] != 0)
            fail("memory", OK);
    const struct process_unmap_request unmap = {reply.at, PAGES * PAGE_BYTES};
    do
        status = process_unmap(program_process(), &unmap, &unmapped, NULL);
    while (again("unmap", status, &tries));
}

/* ---- records ---- */

static void make_record(struct stream_write_request *record, uint64_t number) {
    record->length_bytes = RECORD_BYTES;
    memcpy(record->bytes, &number, sizeof number);
    for (uint64_t i = sizeof number; i < RECORD_BYTES; i++)
        record->bytes[i] = (uint8_t)(number * 31 + i);
}

/* Returns whether the record is known to be written: an answer that was lost may have told a failure. */
static bool write_record(cap_t to, const struct stream_write_request *record) {
    struct stream_write_reply reply = {.written_bytes = RECORD_BYTES};
    uint32_t status, tries = 0;
    do
        status = stream_write(to, record, &reply, NULL);
    while (status != P_BROKEN && again_if_refused("write", status, &tries));
    if (status == P_BROKEN) { /* the reader was ended */
        session->cut = true;
        program_exit(0);
    }
    if (reply.written_bytes != RECORD_BYTES)
        fail("a write of a part", OK);
    return status == OK;
}

/* Returns the number of the record that was read; UINT64_MAX: it is none, and the session has failed. */
static uint64_t check_record(const struct stream_read_reply *read) {
    static struct stream_write_request wanted;
    uint64_t number = 0;
    memcpy(&number, read->bytes, sizeof number);
    make_record(&wanted, number);
    if (read->length_bytes == RECORD_BYTES && number < RECORDS && memcmp(read->bytes, wanted.bytes, RECORD_BYTES) == 0)
        return number;
    session->wrong = true;
    test_note("%lu bytes are no record, the first word is 0x%lx", read->length_bytes, number);
    return UINT64_MAX;
}

/*
 * Read records to the end, which come in order, and write them to `copy` unless it is 0. Returns how many they are;
 * *ret_written: how many of them are known to be written.
 */
static uint64_t read_records(cap_t from, cap_t copy, uint64_t *ret_written) {
    static struct stream_read_reply reply;
    static struct stream_write_request record;
    const struct stream_read_request request = {RECORD_BYTES};
    uint64_t count = 0, next = 0;
    uint32_t tries = 0;
    *ret_written = 0;
    for (;;) {
        if (copy != 0 && count > SLOW_RECORDS && count % PAUSE_RECORDS == 0)
            pause();
        uint32_t status = stream_read(from, &request, &reply, NULL);
        if (again("read", status, &tries))
            continue;
        if (status != OK || reply.length_bytes == 0)
            return count;
        uint64_t number = check_record(&reply);
        if (number == UINT64_MAX)
            return count;
        if (number < next)
            fail("a record comes twice", OK);
        next = number + 1;
        count++;
        make_record(&record, number);
        *ret_written += copy != 0 && write_record(copy, &record);
    }
}

/* ---- the writer ---- */

static _Noreturn void write_all(cap_t to) {
    static struct stream_write_request record;
    for (uint64_t number = 0; number < RECORDS && !session->wrong; number++) {
        if (number < SLOW_RECORDS)
            pause();
        make_record(&record, number);
        (void)write_record(to, &record);
    }
    program_exit(0);
}

/* Returns the writer's process. */
static uint64_t start_writer(struct pipe_ends *ends) {
    uint64_t pid = make_child();
    if (pid == 0 && !session->wrong) {
        pipe_drop(&ends->reader);
        write_all(ends->writer);
    }
    pipe_drop(&ends->writer);
    return pid;
}

/* ---- files ---- */

static cap_t open_stream(enum files_open_mode mode) {
    cap_t stream = 0;
    uint32_t status, tries = 0;
    do
        status = file_open_stream(PATH, mode, &stream);
    while (again("open", status, &tries));
    return stream;
}

static void check_size(uint64_t least_bytes, uint64_t most_bytes) {
    struct files_stat_reply reply = {0};
    uint32_t status, tries = 0;
    do
        status = file_stat(PATH, &reply);
    while (again("stat", status, &tries));
    if (status == OK && (reply.size_bytes < least_bytes || reply.size_bytes > most_bytes)) {
        session->wrong = true;
        test_note("the file has %lu bytes, %lu to %lu were written", reply.size_bytes, least_bytes, most_bytes);
    }
}

static void make_image(void) {
    struct files_map_request request = {.length_bytes = sizeof PATH - 1, .path = PATH};
    struct files_map_reply reply;
    struct protocol_extra extra = {.receive = {slot_take()}};
    uint32_t status, tries = 0;
    do
        status = files_map(program_cap("files"), &request, &reply, &extra);
    while (again("map", status, &tries));
    slot_drop(&extra.receive[0]);
}

static void remove_file(void) {
    uint32_t status, tries = 0;
    do {
        status = file_remove(PATH, FILES_FILE);
        if (status == P_NOT_FOUND && tries > 0)
            status = OK; /* the try before has removed it, and its answer was lost */
    } while (again("remove", status, &tries));
}

/* ---- the parent ---- */

static void say(uint32_t number, uint32_t line) {
    struct console_write_request request;
    struct console_write_reply reply;
    if (number == 0)
        return;
    request.length_bytes =
        format_into((char *)request.bytes, sizeof request.bytes, "plan %u, line %u of %u\n", number, line, LINES);
    uint32_t status, tries = 0;
    do
        status = console_write(program_cap("console"), &request, &reply, NULL);
    while (again_if_refused("console", status, &tries));
}

void session_run(uint32_t number) {
    struct pipe_ends ends = {0};
    uint32_t status, tries = 0;
    learn_own_pid();
    say(number, 1);
    do
        status = pipe_make(&ends);
    while (again("pipe", status, &tries));
    uint64_t writer = start_writer(&ends);
    cap_t file = open_stream(FILES_OPEN_WRITE);
    uint64_t written, count = read_records(ends.reader, file, &written);
    say(number, 2);
    pipe_drop(&file);
    pipe_drop(&ends.reader);
    if (writer != 0)
        join(writer);
    check_size(written * RECORD_BYTES, count * RECORD_BYTES);
    file = open_stream(FILES_OPEN_READ);
    count = read_records(file, 0, &written);
    pipe_drop(&file);
    say(number, 3);
    if (count > 0) /* an empty file has no copy */
        make_image();
    remove_file();
    use_memory();
    run_program();
    say(number, 4);
    if (!session->cut && count + session->told < RECORDS)
        fail("records are missing", OK);
    program_exit(0);
}
