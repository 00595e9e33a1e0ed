/*
 * Runs the cases and prints the results as TAP on port 0xe8, through the capability `tap`, which the manifest gives to
 * the process server, and this one to process 1. With arguments it plays a role instead.
 */
#include "test/process/suite.h"

#include "libsys/proto/files.h"
#include "libsys/text/string.h"
#include "test/lib/cases.h"
#include "test/lib/port.h"
#include "test/lib/servers.h"
#include "test/process/child.h"

#define LACKING_PATH "etc/lacking"
#define SWAPS_PATH "etc/swaps" /* if the volume has it, the server is swapped before each case */
#define SERVER_IMAGE "bin/process"
#define SLOW_CASE_NS 2000000000ULL

static const struct group *const groups[] = {
    &group_spawn,          &group_images,      &group_exec,    &group_end,          &group_kill,
    &group_fault,          &group_query,       &group_garbage, &group_limits,       &group_time,
    &group_fork,           &group_map,         &group_signal,  &group_signal_fault, &group_stop,
    &group_groups,         &group_family,      &group_threads, &group_identity,     &group_threads_wait,
    &group_threads_signal, &group_threads_end, &group_bounds,  &group_fpu,          &group_pass};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

static uint64_t lacking; /* operations */
static bool swaps;

/* ---- what the implementation lacks ---- */

static const char *const operation_names[] = {
#define ROW_NAME(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) [number] = #name,
    PROCESS_OPERATIONS(ROW_NAME)};

bool has_operations(uint64_t operations) { return (operations & lacking) == 0; }

/* A line of the list. False: there is no such operation, or all must have it. */
static bool add_lacking(const char *name) {
    if (strcmp(name, "strict_nice") == 0) {
        lacking |= STRICT_NICE;
        return true;
    }
    for (uint32_t number = 1; number < OPERATION_LIMIT; number++) {
        if (strcmp(operation_names[number], name) != 0)
            continue;
        lacking |= 1ULL << number;
        return (OPERATIONS_MANDATORY & 1ULL << number) == 0;
    }
    return false;
}

/* Look for a file of the volume. */
static uint32_t find_file(const char *path, struct files_stat_reply *ret_found) {
    static struct files_stat_request stat;
    stat.length_bytes = strlen(path);
    memcpy(stat.path, path, stat.length_bytes);
    return files_stat(program_cap("files"), &stat, ret_found, NULL);
}

/* The list of operations that the implementation is declared to lack, if the volume has one. */
static bool read_lacking(void) {
    static struct files_read_reply bytes;
    struct files_stat_reply found;
    uint32_t status = find_file(LACKING_PATH, &found);
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
            test_print("# " LACKING_PATH ": `%s` is no operation that may be lacking\n", line);
            return false;
        }
    }
    return true;
}

/* ---- counts that a case must not change ---- */

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

/* From BASELINE_OWN on. */
static const char *const own_figures[] = {
    "the server's free frames",
    "bytes of the server's pool",
    "the server's slots",
    "processes in the table",
};

static struct baseline take_baseline(void) {
    check_no_children();
    struct process_memory_request request = {0};
    struct process_memory_reply reply = {0};
    if (has_operations(OPERATION(memory)))
        (void)CHECK_STATUS(process_memory(process, &request, &reply, NULL), OK);
    struct baseline now = baseline_of_kernel();
    now.figures[BASELINE_OWN] = reply.frames_free;
    now.figures[BASELINE_OWN + 1] = reply.own_pool_used;
    now.figures[BASELINE_OWN + 2] = reply.slots_used;
    now.figures[BASELINE_OWN + 3] = reply.process_count;
    return now;
}

/* ---- the run ---- */

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
            test_note("%s is declared to be lacking", operation_names[number]);
    }
}

static void report(uint32_t number, const struct test_case *test, bool *all_well) {
    if (!has_operations(test->needs)) {
        test_print("ok %u - %s # SKIP the server lacks", number, test->name);
        for (uint32_t operation = 1; operation < OPERATION_LIMIT; operation++)
            if ((test->needs & lacking & 1ULL << operation) != 0)
                test_print(" %s", operation_names[operation]);
        if ((test->needs & lacking & STRICT_NICE) != 0)
            test_print(" strict_nice");
        test_print("\n");
        return;
    }
    uint64_t begin_ns = sys_clock_read().value;
    test_begin();
    if (swaps)
        check_swap("process", SERVER_IMAGE);
    cases_run(test, take_baseline, own_figures);
    uint64_t took_ns = sys_clock_read().value - begin_ns;
    if (took_ns > SLOW_CASE_NS)
        test_print("# %s took %lu ms\n", test->name, took_ns / 1000000);
    *all_well = test_end(number, test->name) && *all_well;
}

static _Noreturn void run_all(void) {
    uint32_t count = 1;
    uint32_t number = 1;
    bool all_well = true;
    for (uint32_t i = 0; i < GROUP_COUNT; i++)
        count += groups[i]->case_count;
    test_print("1..%u\n", count);
    if (!read_lacking()) {
        test_print("Bail out! %s cannot be read\n", LACKING_PATH);
        cases_end(false);
    }
    struct files_stat_reply ignored;
    swaps = find_file(SWAPS_PATH, &ignored) == OK;
    report(number++, &first_case, &all_well);
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        test_print("# group %s: %u cases\n", groups[i]->name, groups[i]->case_count);
        for (uint32_t j = 0; j < groups[i]->case_count; j++)
            report(number++, &groups[i]->cases[j], &all_well);
    }
    if (swaps)
        test_print("# %lu swaps\n", entry_of("process").restart_count);
    cases_end(all_well);
}

static int play(int argc, char **argv) {
    test_row(argv[0]);
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        for (uint32_t j = 0; j < groups[i]->role_count; j++) {
            if (strcmp(groups[i]->roles[j].name, argv[0]) != 0)
                continue;
            int code = groups[i]->roles[j].run(argc, argv);
            return test_has_failed() ? ROLE_FAILED : code;
        }
    }
    test_fail("there is no such role");
    return ROLE_FAILED;
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    test_print_to(program_cap("tap"));
    process = program_process();
    if (argc > 1)
        return play(argc - 1, argv + 1);
    if (own_pid() != 1)
        return 100 + argc; /* a child without a role: it tells how many arguments there were */
    run_all();
}
