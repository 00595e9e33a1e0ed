/*
 * The programs of a storm. A child writes numbered records to a pipe, more than it holds. The parent reads them, writes
 * each to a file, and then reads the file. It also makes a copy of the file in memory, and prints on the console.
 *
 * A call that fails with E_PEER may have been made or not. So its caller does not make it again where that could be
 * seen, and one record may be missing for each. A call that was refused was not made: it is made again.
 */
#include "libsys/program/program.h"
#include "libsys/proto/files.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/signal.h"
#include "libsys/text/format.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "test/lib/test.h"
#include "test/storm/suite.h"
#include "userland/lib/file.h"
#include "userland/lib/pipe.h"

#define RECORD_BYTES STREAM_ATOMIC_BYTES
#define RECORDS 72U /* more than PIPE_BYTES: the writer waits for room */
_Static_assert(RECORDS *RECORD_BYTES > PIPE_BYTES, "the pipe is full at times");
#define SLOW_RECORDS 8U  /* at first the writer pauses before each, so that the reader waits; ... */
#define PAUSE_RECORDS 4U /* ... then the reader pauses after as many, so that the pipe fills, and the writer waits */
#define PAUSE_NS 3000000U
#define LINES 4U
#define TRIES 20U
#define ALARM_NS 30000000U
#define PATH "/tmp/storm"

static uint64_t told; /* calls that failed, as they may */
static bool wrong;

static void fail(const char *what, uint32_t status) {
    wrong = true;
    test_note("%s: %s", what, status_name(status));
}

/* Was the call refused, or its answer lost? Count it then. */
static bool is_told(uint32_t status) {
    bool may = status == E_PEER || status == P_LIMIT || status == P_NO_SPACE;
    told += may;
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
    told++;
    return false;
}

/* ---- time ---- */

static void pause(void) {
    const struct process_sleep_request request = {program_time_in(PAUSE_NS)};
    struct process_sleep_reply reply;
    (void)process_sleep(program_process(), &request, &reply, NULL);
}

static void set_alarm(void) {
    const struct process_alarm_request request = {ALARM_NS};
    struct process_alarm_reply reply;
    (void)process_alarm(program_process(), &request, &reply, NULL);
}

static void on_alarm(uint64_t signal, const struct process_signal_frame *frame) {
    (void)signal, (void)frame;
    set_alarm();
}

/* Have calls interrupted from time to time: one that is never answered is then made again (protocol_call). */
static void begin_alarms(void) {
    uint32_t status = signal_handle(PROCESS_SIGALRM, on_alarm, 0);
    if (status != OK)
        fail("alarms", status);
    set_alarm();
}

/* ---- records ---- */

static void make_record(struct stream_write_request *record, uint64_t number) {
    record->length_bytes = RECORD_BYTES;
    memcpy(record->bytes, &number, sizeof number);
    for (uint64_t i = sizeof number; i < RECORD_BYTES; i++)
        record->bytes[i] = (uint8_t)(number * 31 + i);
}

static void write_record(cap_t to, const struct stream_write_request *record) {
    struct stream_write_reply reply = {.written_bytes = RECORD_BYTES};
    uint32_t status, tries = 0;
    do
        status = stream_write(to, record, &reply, NULL);
    while (again_if_refused("write", status, &tries));
    if (reply.written_bytes != RECORD_BYTES)
        fail("a write of a part", OK);
}

/* Returns the number of the record that was read; UINT64_MAX: it is none, and the session has failed. */
static uint64_t check_record(const struct stream_read_reply *read) {
    static struct stream_write_request wanted;
    uint64_t number = 0;
    memcpy(&number, read->bytes, sizeof number);
    make_record(&wanted, number);
    if (read->length_bytes == RECORD_BYTES && number < RECORDS && memcmp(read->bytes, wanted.bytes, RECORD_BYTES) == 0)
        return number;
    wrong = true;
    test_note("%lu bytes are no record, the first word is 0x%lx", read->length_bytes, number);
    return UINT64_MAX;
}

/* Read records to the end, which come in order, and write them to `copy` unless it is 0. Returns how many they are. */
static uint64_t read_records(cap_t from, cap_t copy) {
    static struct stream_read_reply reply;
    static struct stream_write_request record;
    const struct stream_read_request request = {RECORD_BYTES};
    uint64_t count = 0, next = 0;
    uint32_t tries = 0;
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
        if (copy != 0)
            write_record(copy, &record);
    }
}

/* ---- the child ---- */

static _Noreturn void write_all(cap_t to, bool alarms) {
    static struct stream_write_request record;
    told = 0;
    if (alarms)
        begin_alarms(); /* a child has none of its parent's */
    for (uint64_t number = 0; number < RECORDS && !wrong; number++) {
        if (number < SLOW_RECORDS)
            pause();
        make_record(&record, number);
        write_record(to, &record);
    }
    program_exit(wrong ? (int)SESSION_WRONG : (int)told);
}

/* Returns the writer's process. */
static uint64_t start_writer(struct pipe_ends *ends, bool alarms) {
    const struct process_fork_request request = {0};
    struct process_fork_reply reply = {0};
    uint32_t status = process_fork(program_process(), &request, &reply, NULL);
    if (status != OK)
        fail("fork", status);
    else if (reply.pid == 0)
        pipe_drop(&ends->reader);
    if (status == OK && reply.pid == 0)
        write_all(ends->writer, alarms);
    pipe_drop(&ends->writer);
    return reply.pid;
}

static void join_writer(uint64_t pid) {
    const struct process_wait_request request = {.pid = pid};
    struct process_wait_reply reply = {0};
    uint32_t status = process_wait(program_process(), &request, &reply, NULL);
    if (status != OK || reply.end != PROCESS_EXITED || reply.value > SESSION_TOLD_MAX)
        fail("the writer", status);
    else
        told += reply.value;
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

static void check_size(uint64_t wanted_bytes) {
    struct files_stat_reply reply = {0};
    uint32_t status, tries = 0;
    do
        status = file_stat(PATH, &reply);
    while (again("stat", status, &tries));
    if (status == OK && reply.size_bytes != wanted_bytes) {
        wrong = true;
        test_note("the file has %lu bytes, %lu were written", reply.size_bytes, wanted_bytes);
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

int session_run(uint32_t number, bool alarms) {
    struct pipe_ends ends = {0};
    uint32_t status, tries = 0;
    if (alarms)
        begin_alarms();
    say(number, 1);
    do
        status = pipe_make(&ends);
    while (again("pipe", status, &tries));
    uint64_t writer = start_writer(&ends, alarms);
    cap_t file = open_stream(FILES_OPEN_WRITE);
    uint64_t count = read_records(ends.reader, file);
    say(number, 2);
    pipe_drop(&file);
    pipe_drop(&ends.reader);
    if (writer != 0)
        join_writer(writer);
    check_size(count * RECORD_BYTES);
    file = open_stream(FILES_OPEN_READ);
    count = read_records(file, 0);
    pipe_drop(&file);
    say(number, 3);
    make_image();
    remove_file();
    say(number, 4);
    if (count + told < RECORDS)
        fail("records are missing", OK);
    return wrong || told > SESSION_TOLD_MAX ? (int)SESSION_WRONG : (int)told;
}
