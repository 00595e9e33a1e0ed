/* Runs the plans, and prints the results as TAP on port 0xe8. After a plan that fails the system is not used again. */
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
};

static struct outcome end_storm(void) {
    struct outcome sum = {0};
    for (uint32_t server = 0; server < STORM_SERVERS; server++) {
        struct message answer = order(server, STORM_STOP, 0, 0, 0);
        sum.came += answer.words[0];
        sum.told += answer.words[1];
        sum.refused += answer.words[2];
        sum.wrong += answer.words[3];
    }
    return sum;
}

/* ---- sessions ---- */

static void set_alarm(uint64_t duration_ns) {
    const struct process_alarm_request request = {duration_ns};
    struct process_alarm_reply reply;
    (void)process_alarm(program_process(), &request, &reply, NULL);
}

static void time_is_over(uint64_t signal, const struct process_signal_frame *frame) { (void)signal, (void)frame; }

static void doze(uint64_t duration_ns) {
    const struct process_sleep_request request = {program_time_in(duration_ns)};
    struct process_sleep_reply reply;
    (void)process_sleep(program_process(), &request, &reply, NULL);
}

/* Returns what the session reports; SESSION_WRONG, too, if it hangs or dies. */
static uint64_t run_session(uint32_t number, bool alarms) {
    const struct process_fork_request fork = {0};
    struct process_fork_reply child;
    if (!CHECK_STATUS(process_fork(program_process(), &fork, &child, NULL), OK))
        return SESSION_WRONG;
    if (child.pid == 0)
        program_exit(session_run(number, alarms));
    const struct process_wait_request request = {.pid = child.pid};
    struct process_wait_reply reply = {0};
    struct protocol_extra extra = {.interruptible = true};
    set_alarm(SESSION_NS);
    uint32_t status = process_wait(program_process(), &request, &reply, &extra);
    set_alarm(0);
    if (status == P_INTERRUPTED)
        test_fail("the session hangs");
    else if (status != OK || reply.end != PROCESS_EXITED)
        test_fail("the session ends badly: %s, %lu %lu", status_name(status), reply.end, reply.value);
    else if (reply.value > SESSION_TOLD_MAX)
        test_fail("the session fails");
    return status == OK && reply.end == PROCESS_EXITED ? reply.value : SESSION_WRONG;
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
            (void)run_session(0, false);
        doze(SETTLE_NS);
    }
    return false;
}

static void run_plan(uint32_t number, const struct plan *plan) {
    struct baseline before = baseline_of_kernel();
    begin_storm(plan);
    uint64_t told = run_session(number, plan_has(plan, STORM_KEEP));
    if (test_has_failed())
        return; /* a server that hangs would not take the next order */
    struct outcome outcome = end_storm();
    came += outcome.came;
    if (told < outcome.told || told > outcome.told + outcome.refused)
        test_fail("%lu calls failed; %lu lost their answers, and %lu requests were refused", told, outcome.told,
                  outcome.refused);
    CHECK_EQUAL(outcome.wrong, 0);
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
    CHECK_STATUS(signal_handle(PROCESS_SIGALRM, time_is_over, 0), OK);
    uint32_t count = 0, number = 0;
    for (const char *at = plans; *at != '\0'; at++)
        count += *at == '\n';
    test_print("1..%u\n", count);
    for (uint32_t i = 0; i < WARM_UP; i++)
        (void)run_session(0, false);
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
