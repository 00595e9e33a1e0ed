/*
 * Runs the cases and prints the results as TAP on port 0xe8, through the capability `tap`, which the manifest gives to
 * the process server, and this one to process 1. With arguments it plays a role instead.
 */
#include "test/process/suite.h"

#include "kernel/abi/system.h"
#include "libsys/proto/files.h"
#include "libsys/proto/init.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "test/process/child.h"

#define TAP_PORT 0xe8U
#define LINE_BYTES 400U
#define LACKING_PATH "etc/lacking"
#define SLOW_CASE_NS 2000000000ULL
#define TRIES_MAX 3U /* of a case after which more is in use than before */

static const struct group *const groups[] = {
    &group_spawn,          &group_images,      &group_exec,    &group_end,          &group_kill,
    &group_fault,          &group_query,       &group_garbage, &group_limits,       &group_time,
    &group_fork,           &group_map,         &group_signal,  &group_signal_fault, &group_stop,
    &group_groups,         &group_family,      &group_threads, &group_identity,     &group_threads_wait,
    &group_threads_signal, &group_threads_end, &group_bounds,  &group_fpu,          &group_pass};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

static cap_t tap;
static const char *running; /* the case, or in a child the role */
static bool failed;
static uint64_t lacking; /* operations */

bool has_failed(void) { return failed; }

/* ---- output ---- */

FORMAT_LIKE(1, 2) static void put(const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_into_list(line, sizeof line, format, arguments);
    va_end(arguments);
    for (const char *at = line; *at != 0; at++)
        (void)sys_port_write(tap, TAP_PORT, 1, (uint8_t)*at);
}

FORMAT_LIKE(1, 2) void remark(const char *format, ...) {
    char line[LINE_BYTES - 100];
    va_list arguments;
    va_start(arguments, format);
    format_into_list(line, sizeof line, format, arguments);
    va_end(arguments);
    put("# %s: %s\n", running, line);
}

bool check_true(bool holds, const char *file, int line, const char *text) {
    if (!holds)
        remark("%s:%d: %s", file, line, text);
    failed = failed || !holds;
    return holds;
}

bool check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *text) {
    if (actual != expected)
        remark("%s:%d: %s: is 0x%lx, want 0x%lx", file, line, text, actual, expected);
    failed = failed || actual != expected;
    return actual == expected;
}

bool check_status(uint64_t status, uint64_t expected, const char *file, int line, const char *text) {
    if (status != expected)
        remark("%s:%d: %s: is %s (%lu), want %s", file, line, text, status_name(status), status, status_name(expected));
    failed = failed || status != expected;
    return status == expected;
}

bool check_text(const char *actual, const char *expected, const char *file, int line, const char *text) {
    bool same = actual != NULL && strcmp(actual, expected) == 0;
    if (!same)
        remark("%s:%d: %s: is `%s`, want `%s`", file, line, text, actual == NULL ? "(nothing)" : actual, expected);
    failed = failed || !same;
    return same;
}

/* ---- what the implementation lacks ---- */

static const char *const operation_names[] = {
#define ROW_NAME(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) [number] = #name,
    PROCESS_OPERATIONS(ROW_NAME)};

bool has_operations(uint64_t operations) { return (operations & lacking) == 0; }

/* A line of the list. False: there is no such operation, or all must have it. */
static bool add_lacking(const char *name) {
    for (uint32_t number = 1; number < OPERATION_LIMIT; number++) {
        if (strcmp(operation_names[number], name) != 0)
            continue;
        lacking |= 1ULL << number;
        return (OPERATIONS_MANDATORY & 1ULL << number) == 0;
    }
    return false;
}

/* The list of operations that the implementation is declared to lack, if the volume has one. */
static bool read_lacking(void) {
    static struct files_stat_request stat = {.length_bytes = sizeof LACKING_PATH - 1, .path = LACKING_PATH};
    static struct files_read_reply bytes;
    struct files_stat_reply found;
    uint32_t status = files_stat(program_cap("files"), &stat, &found, NULL);
    if (status != OK)
        return status == P_NOT_FOUND;
    struct files_read_request read = {.file = found.file, .most_bytes = FILES_BYTES_MAX};
    if (files_read(program_cap("files"), &read, &bytes, NULL) != OK || bytes.length_bytes == FILES_BYTES_MAX)
        return false;
    char *line = (char *)bytes.bytes;
    line[bytes.length_bytes] = '\0';
    for (char *end = strchr(line, '\n'); end != NULL; line = end + 1, end = strchr(line, '\n')) {
        *end = '\0';
        if (!add_lacking(line)) {
            put("# " LACKING_PATH ": `%s` is no operation that may be lacking\n", line);
            return false;
        }
    }
    return true;
}

/* ---- counts that a case must not change ---- */

#define FIGURES 7U
struct baseline {
    uint64_t figures[FIGURES];
};
static const char *const figure_names[FIGURES] = {
    "mapped frames",
    "frames in pools",
    "capabilities",
    "the server's free frames",
    "bytes of the server's pool",
    "the server's slots",
    "processes in the table",
};

static void take_baseline(struct baseline *ret) {
    struct process_memory_request request = {0};
    struct process_memory_reply reply = {0};
    if (has_operations(OPERATION(memory)))
        (void)CHECK_STATUS(process_memory(process, &request, &reply, NULL), OK);
    *ret = (struct baseline){{
        sys_system_info(INFO_FRAMES_MAPPED, 0).value,
        sys_system_info(INFO_FRAMES_KERNEL, 0).value,
        sys_system_info(INFO_CAPABILITIES, 0).value,
        reply.frames_free,
        reply.own_pool_used,
        reply.slots_used,
        reply.process_count,
    }};
}

static bool is_same(const struct baseline *before, const struct baseline *after, bool tell) {
    bool same = true;
    for (uint32_t i = 0; i < FIGURES; i++) {
        if (before->figures[i] == after->figures[i])
            continue;
        if (tell)
            remark("%s: %lu before the case, %lu after it", figure_names[i], before->figures[i], after->figures[i]);
        same = false;
    }
    return same;
}

/* Children that a case left behind are waited for, so that they spoil no other case; one that runs on is killed. */
static void check_no_children(void) {
    struct process_wait_reply end;
    uint32_t status;
    while ((status = wait_no_hang(PROCESS_ANY, &end)) != P_NO_CHILD) {
        (void)CHECK_STATUS(status, P_NO_CHILD);
        for (uint64_t pid = 2; status == E_TIMEOUT && has_operations(OPERATION(kill) | OPERATION(list)); pid++) {
            struct process_list_request request = {.pid = pid};
            struct process_list_reply entry;
            if (process_list(process, &request, &entry, NULL) != OK)
                break;
            pid = entry.pid;
            (void)kill_process(pid, PROCESS_SIGKILL);
        }
        if (status != OK && status != E_TIMEOUT)
            break;
        if (status == E_TIMEOUT && wait_for(PROCESS_ANY, &end) != OK)
            break;
    }
}

/* ---- the run ---- */

/*
 * A server, or this program, may take something once and keep it (a table, a page at its first access), which is not a
 * leak. So a case after which more is in use runs again, and fails only if the use grows each time.
 */
static void run_case(const struct test_case *test) {
    struct baseline before, after;
    running = test->name;
    failed = false;
    for (uint32_t turn = 1; turn <= TRIES_MAX && !failed; turn++) {
        take_baseline(&before);
        test->run();
        check_no_children();
        take_baseline(&after);
        if (is_same(&before, &after, turn == TRIES_MAX))
            return;
    }
    failed = true;
}

static _Noreturn void end(uint64_t status) {
    struct init_power_off_request request = {.status = status};
    struct init_power_off_reply reply;
    (void)init_power_off(program_cap("init"), &request, &reply, NULL);
    program_exit(1);
}

static void lacking_operations_answer_so(void);
static const struct test_case first_case = CASE(lacking_operations_answer_so);

/* The list must be right: the operations that it names must be missing. (Any other missing
 * operation fails the cases.) */
static void lacking_operations_answer_so(void) {
    static const struct protocol_operation operations[] = {[0] = {"counter", {8, 8, 0}, {8, 8, 0}},
                                                           PROCESS_OPERATIONS(PROTOCOL_ROW_OPERATION)};
    static uint64_t request[MESSAGE_WORDS];
    static uint64_t reply[MESSAGE_WORDS];
    for (uint32_t number = 1; number < OPERATION_LIMIT; number++) {
        struct protocol_extra with = {.send = {process, process, process, process}};
        if ((lacking & 1ULL << number) == 0)
            continue;
        memset(request, 0, sizeof request);
        if (!CHECK_STATUS(protocol_call(process, number, &operations[number], request, reply, &with), P_OPERATION))
            remark("%s is declared to be lacking", operation_names[number]);
    }
}

static void report(uint32_t number, const struct test_case *test, bool *all_well) {
    if (!has_operations(test->needs)) {
        put("ok %u - %s # SKIP the server lacks", number, test->name);
        for (uint32_t operation = 1; operation < OPERATION_LIMIT; operation++)
            if ((test->needs & lacking & 1ULL << operation) != 0)
                put(" %s", operation_names[operation]);
        put("\n");
        return;
    }
    uint64_t begin_ns = sys_clock_read().value;
    run_case(test);
    uint64_t took_ns = sys_clock_read().value - begin_ns;
    if (took_ns > SLOW_CASE_NS)
        put("# %s took %lu ms\n", test->name, took_ns / 1000000);
    put("%s %u - %s\n", failed ? "not ok" : "ok", number, test->name);
    *all_well = *all_well && !failed;
}

static _Noreturn void run_all(void) {
    uint32_t count = 1;
    uint32_t number = 1;
    bool all_well = true;
    for (uint32_t i = 0; i < GROUP_COUNT; i++)
        count += groups[i]->case_count;
    put("1..%u\n", count);
    if (!read_lacking()) {
        put("Bail out! %s cannot be read\n", LACKING_PATH);
        end(1);
    }
    report(number++, &first_case, &all_well);
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        put("# group %s: %u cases\n", groups[i]->name, groups[i]->case_count);
        for (uint32_t j = 0; j < groups[i]->case_count; j++)
            report(number++, &groups[i]->cases[j], &all_well);
    }
    end(all_well ? 0 : 1);
}

static int play(int argc, char **argv) {
    running = argv[0];
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        for (uint32_t j = 0; j < groups[i]->role_count; j++) {
            if (strcmp(groups[i]->roles[j].name, argv[0]) != 0)
                continue;
            int code = groups[i]->roles[j].run(argc, argv);
            return failed ? ROLE_FAILED : code;
        }
    }
    remark("there is no such role");
    return ROLE_FAILED;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    tap = program_cap("tap");
    process = program_process();
    if (argc > 1)
        return play(argc - 1, argv + 1);
    if (own_pid() != 1)
        return 100 + argc; /* a child without a role: it tells how many arguments there were */
    run_all();
}
