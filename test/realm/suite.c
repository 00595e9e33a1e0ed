/* Runs the cases of a realm's suite, and compares what is in use around each. */
#include "kernel/abi/rights.h"
#include "kernel/abi/system.h"
#include "libsys/maker/fault.h"
#include "libsys/text/string.h"
#include "libsys/text/text.h"
#include "test/lib/cases.h"
#include "test/lib/port.h"
#include "test/realm/clients.h"

#define FIGURE_SLOTS BASELINE_OWN
#define FIGURE_SERVERS (BASELINE_OWN + 1U) /* pool bytes of each program */
#define SERVERS_MAX (BASELINE_MAX - FIGURE_SERVERS)
#define FIGURE_NAME_BYTES 64U
#define ONLY "case="   /* an argument: the one case to run */
#define LIMIT "limit=" /* ... how many ticks may pass from the kernel's entry to the first case */

static struct init_list_reply servers[SERVERS_MAX]; /* as they were when the suite began */
static uint32_t server_count;
static char figure_texts[SERVERS_MAX][FIGURE_NAME_BYTES];
static const char *figure_names[BASELINE_MAX - BASELINE_OWN] = {"slots of the suite's table"};
static const char *only;
static uint64_t start_limit;
const char *suite_case = "(none)";
static bool all_well = true;

cap_t realm_as(const char *server, uint64_t badge) {
    cap_t cap = slot_derive(program_need(server), ENDPOINT_CALL | ENDPOINT_GRANT, badge);
    if (cap == 0)
        test_fail("no capability to call %s as %lu", server, badge);
    return cap;
}

static bool ask(uint32_t index, struct init_list_reply *ret_server) {
    const struct init_list_request request = {index};
    return init_list(program_need("init"), &request, ret_server, NULL) == OK;
}

static void find_servers(void) {
    while (server_count < SERVERS_MAX && ask(server_count, &servers[server_count])) {
        (void)format_into(figure_texts[server_count], FIGURE_NAME_BYTES, "bytes of %s's pool",
                          servers[server_count].name);
        figure_names[FIGURE_SERVERS - BASELINE_OWN + server_count] = figure_texts[server_count];
        server_count++;
    }
    struct init_list_reply more;
    if (!ask(SERVERS_MAX, &more))
        return;
    test_print("Bail out! there are more servers than the suite can watch\n");
    cases_end(false);
}

/* Wait until a server knows which of its clients are gone: it takes their notification before this call. */
static void let_hear(const char *name) {
    const struct server_counter_request request = {0};
    struct server_counter_reply reply;
    if (program_cap(name) != 0)
        (void)server_counter(program_cap(name), &request, &reply); /* one that is gone is found by check_servers() */
}

/* All that the case has left running ends first. */
static struct baseline take_baseline(void) {
    mocks_clear();
    clients_clear();
    struct init_list_reply now;
    for (uint32_t i = 0; i + 1 < server_count; i++) /* the last is the suite */
        let_hear(servers[i].name);
    struct baseline figures = baseline_of_kernel();
    figures.figures[FIGURE_SLOTS] = program.slots.used_count;
    for (uint32_t i = 0; i < server_count; i++)
        figures.figures[FIGURE_SERVERS + i] = ask(i, &now) ? now.pool_bytes : 0;
    return figures;
}

/* Has a server ended by itself? */
static void check_servers(void) {
    for (uint32_t i = 0; i < server_count; i++) {
        struct init_list_reply now;
        if (!ask(i, &now) || (now.restart_count == servers[i].restart_count && now.state == servers[i].state))
            continue;
        if (now.end == INIT_FAULT || now.end == INIT_HUNG || now.state == INIT_GONE)
            test_fail("%s: %s; the kernel's log has the report", now.name,
                      now.end == INIT_HUNG ? "it hung"
                      : now.fault != 0     ? fault_text(now.fault)
                                           : "its main returned");
        servers[i] = now;
    }
}

/* Out of line: gdb stops at its first line. */
__attribute__((noinline)) static bool run_case(const struct test_case *test, uint32_t number) {
    suite_case = test->name;
    test_begin();
    cases_run(test, take_baseline, figure_names);
    test_row(NULL);
    check_servers();
    return test_end(number, test->name);
}

/* What a realm is for: a test has hardly to wait for it. Where time is counted, a tick is an instruction. */
static void check_start(uint64_t limit) {
    uint64_t ticks = __builtin_ia32_rdtsc() - sys_system_info(INFO_BOOT_TICKS, 0).value;
    test_print("# the first case begins %lu ticks after the kernel\n", ticks);
    if (limit != 0 && ticks > limit) {
        test_print("# %lu ticks are allowed\n", limit);
        all_well = false;
    }
}

static bool is_wanted(const struct test_case *test) { return only == NULL || strcmp(only, test->name) == 0; }

static void run_all(void *argument) {
    (void)argument;
    uint32_t count = 0, number = 0;
    for (uint32_t i = 0; i < suite.case_count; i++)
        count += is_wanted(&suite.cases[i]);
    check_start(start_limit);
    find_servers();
    test_print("1..%u\n", count);
    if (count == 0)
        test_print("Bail out! there is no case %s\n", only);
    for (uint32_t i = 0; i < suite.case_count; i++)
        if (is_wanted(&suite.cases[i]))
            all_well = run_case(&suite.cases[i], ++number) && all_well;
    cases_end(all_well && count > 0);
}

int main(int argc, char **argv, char **envp) {
    (void)envp;
    test_print_to(program_need("tap"));
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], ONLY, strlen(ONLY)) == 0)
            only = argv[i] + strlen(ONLY);
        else if (strncmp(argv[i], LIMIT, strlen(LIMIT)) == 0)
            (void)text_to_number(argv[i] + strlen(LIMIT), &start_limit);
    clients_watch(run_all);
}
