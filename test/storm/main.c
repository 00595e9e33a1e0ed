/* Runs the plans, and prints the results as TAP on port 0xe8. After a plan that fails the system is not used again. */
#include "kernel/abi/rights.h"
#include "libsys/program/program.h"
#include "libsys/proto/process.h"
#include "libsys/runtime/signal.h"
#include "libsys/text/string.h"
#include "libsys/wire/status_text.h"
#include "test/lib/cases.h"
#include "test/lib/port.h"
#include "test/lib/status.h"
#include "test/storm/suite.h"
#include "userland/lib/file.h"

#define PLANS_PATH "/etc/storm"
#define PLANS_BYTES_MAX (128U << 10)
#define SESSION_NS 5000000000U /* longest session; one that hangs never ends */
#define LOOK_NS 5000000U       /* so often the suite looks whether the session has ended, ... */
#define LOOKS_TO_SIGNAL 6U     /* ... and so many times later it sends a signal to its programs */
#define SETTLE_NS 3000000U     /* servers learn in this time that a program is gone */
#define REST_TRIES 4U
#define WARM_UP 2U /* sessions without a storm */

static char plans[PLANS_BYTES_MAX + 1];
static uint64_t came; /* events so far */

/* ---- hooks ---- */

static struct message order(uint32_t server, enum storm_order what, uint64_t a, uint64_t b, uint64_t c) {
    struct message message = {.info = MESSAGE_INFO(STORM_LABEL, 4, 0), .words = {what, a, b, c}};
    CHECK_STATUS(ep_call(program_cap(storm_servers[server]), &message), OK);
    CHECK_EQUAL(message_label(message.info), OK);
    return message;
}

static void begin_storm(const struct plan *plan) {
    for (uint32_t server = 0; server < STORM_SERVERS; server++)
        (void)order(server, STORM_CLEAR, 0, 0, 0);
    for (uint32_t i = 0; i < plan->event_count; i++) {
        const struct plan_event *event = &plan->events[i];
        (void)order(event->server, STORM_ADD, event->number, event->what, event->argument);
    }
    for (uint32_t server = 0; server < STORM_SERVERS; server++)
        (void)order(server, STORM_START, 0, 0, 0);
}

struct outcome {
    uint64_t came, told, refused, wrong;
    uint64_t refused_by_process;
};

static struct outcome end_storm(void) {
    struct outcome sum = {0};
    for (uint32_t server = 0; server < STORM_SERVERS; server++) {
        struct message answer = order(server, STORM_STOP, 0, 0, 0);
        sum.came += answer.words[0];
        sum.told += answer.words[1];
        sum.refused += answer.words[2];
        sum.wrong += answer.words[3];
        if (server == STORM_SERVER_process)
            sum.refused_by_process = answer.words[2];
    }
    return sum;
}

/* Print what came to the servers, so that plans can be drawn within these numbers. */
static void print_counts(void) {
    for (uint32_t server = 0; server < STORM_SERVERS; server++) {
        struct message answer = order(server, STORM_COUNT, 0, 0, 0);
        test_note("%s: %lu messages, %lu calls, %lu requests", storm_servers[server], answer.words[0], answer.words[1],
                  answer.words[2]);
    }
}

/* ---- sessions ---- */

struct session *session;
const uint32_t session_signals[SESSION_SIGNALS] = {PROCESS_SIGALRM, PROCESS_SIGUSR1, PROCESS_SIGUSR2};

static void make_session_memory(void) {
    const struct process_map_request request = {
        .length_bytes = PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .flags = PROCESS_MAP_TOGETHER};
    struct process_map_reply reply = {0};
    CHECK_STATUS(process_map(program_process(), &request, &reply, NULL), OK);
    session = (struct session *)reply.at;
}

/* The programs of a session inherit this handler from the suite, by fork. */
static void on_signal(uint64_t signal, const struct process_signal_frame *frame) { (void)signal, (void)frame; }

static void doze(uint64_t duration_ns) {
    const struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    (void)process_sleep(program_process(), &request, &reply, NULL);
}

/*
 * Signals interrupt calls, so one that is never answered is made again (protocol_call). The suite is in the group, too.
 * No call of the suite may wait for long: a signal that comes just before would not end it.
 */
static uint32_t wait_for(uint64_t pid, struct process_wait_reply *ret_end) {
    const struct process_wait_request request = {.pid = pid, .flags = PROCESS_WAIT_NO_HANG};
    struct process_kill_request kill = {.pid = PROCESS_GROUP | 1};
    struct process_kill_reply sent;
    uint64_t end_ns = program_time_in(SESSION_NS);
    uint32_t status;
    for (uint32_t looks = 1;; looks++) {
        status = process_wait(program_process(), &request, ret_end, NULL);
        if (status != E_TIMEOUT || sys_clock_read().value >= end_ns)
            return status;
        doze(LOOK_NS);
        kill.signal = session_signals[looks / LOOKS_TO_SIGNAL % SESSION_SIGNALS];
        if (looks % LOOKS_TO_SIGNAL == 0)
            CHECK_STATUS(process_kill(program_process(), &kill, &sent, NULL), OK);
    }
}

void session_is_cut(const struct process_wait_reply *end) {
    session->cut = true;
    session->end = *end;
}

/* What is to be known of a session lies in *session then. */
static void run_session(uint32_t number) {
    const struct process_fork_request fork = {0};
    struct process_fork_reply child;
    struct process_wait_reply end = {0};
    *session = (struct session){0};
    if (!CHECK_STATUS(process_fork(program_process(), &fork, &child, NULL), OK))
        return;
    if (child.pid == 0)
        session_run(number);
    uint32_t status = wait_for(child.pid, &end);
    if (status == E_TIMEOUT)
        test_fail("the session hangs");
    else if (status != OK)
        test_fail("the session can't be waited for: %s", status_name(status));
    else if (end.end != PROCESS_EXITED)
        session_is_cut(&end);
}

/*
 * Is as much in use as before? Servers keep some things until they are asked for the next one, such as the copy of a
 * file, and take others once. So sessions without a storm follow, until it is. A leak stays.
 */
static bool is_at_rest(const struct baseline *before) {
    for (uint32_t turn = 0; turn < REST_TRIES; turn++) {
        struct baseline now = baseline_of_kernel();
        if (baseline_is_same(before, &now))
            return true;
        if (turn % 2 != 0)
            run_session(0);
        doze(SETTLE_NS);
    }
    return false;
}

/* Was what the session reports to be expected? */
static void check_session(const struct outcome *outcome) {
    if (session->wrong)
        test_fail("the session fails");
    if (session->cut && outcome->refused_by_process == 0)
        test_fail("a program has ended, although nothing was refused to it: signal %lu, fault %lu at 0x%lx, rip 0x%lx",
                  session->end.value, session->end.fault, session->end.address, session->end.rip);
    if (!session->cut && (session->told < outcome->told || session->told > outcome->told + outcome->refused))
        test_fail("%lu calls failed; %lu lost their answers, and %lu requests were refused", session->told,
                  outcome->told, outcome->refused);
    CHECK_EQUAL(outcome->wrong, 0);
}

static void run_plan(uint32_t number, const struct plan *plan) {
    struct baseline before = baseline_of_kernel();
    begin_storm(plan);
    run_session(number);
    if (test_has_failed())
        return; /* a server that hangs would not take the next order */
    struct outcome outcome = end_storm();
    came += outcome.came;
    check_session(&outcome);
    if (session->cut)
        test_note("plan %u is cut short: fault %lu", number, session->end.fault);
    if (plan->event_count == 0)
        print_counts();
    if (is_at_rest(&before))
        return;
    struct baseline after = baseline_of_kernel();
    baseline_compare(&before, &after, NULL);
}

/* ---- plans ---- */

static void read_plans(void) {
    struct files_stat_reply file = {0};
    uint64_t length = 0, part = 1;
    CHECK_STATUS(file_stat(PLANS_PATH, &file), OK);
    while (part > 0 && !test_has_failed()) {
        uint64_t room = PLANS_BYTES_MAX - length < FILES_BYTES_MAX ? PLANS_BYTES_MAX - length : FILES_BYTES_MAX;
        CHECK(room > 0);
        CHECK_STATUS(file_read(file.file, length, plans + length, room, &part), OK);
        length += part;
    }
}

/* Cut the next line off. NULL: there is none. */
static char *next_line(char **text) {
    char *line = *text;
    if (*line == '\0')
        return NULL;
    while (**text != '\n' && **text != '\0')
        ++*text;
    if (**text == '\n')
        *(*text)++ = '\0';
    return line;
}

int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    test_print_to(program_cap("tap"));
    test_begin();
    read_plans();
    make_session_memory();
    for (uint32_t i = 0; i < SESSION_SIGNALS; i++)
        CHECK_STATUS(signal_handle(session_signals[i], on_signal, 0), OK);
    uint32_t count = 0, number = 0;
    for (const char *at = plans; *at != '\0'; at++)
        count += *at == '\n';
    test_print("1..%u\n", count);
    for (uint32_t i = 0; i < WARM_UP; i++)
        run_session(0);
    char *rest = plans;
    for (char *line = next_line(&rest); line != NULL && !test_has_failed(); line = next_line(&rest)) {
        static struct plan plan;
        test_begin();
        if (plan_read(line, &plan))
            run_plan(++number, &plan);
        else
            test_fail("%s is no plan", line);
        if (!test_end(number, line))
            cases_end(false);
    }
    test_note("%lu events came", came);
    cases_end(!test_has_failed());
}
