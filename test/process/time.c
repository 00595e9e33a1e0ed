/*
 * Does sleep last as long as asked for, whatever other processes sleep?
 */
#include "libsys/text/string.h"
#include "test/process/child.h"

#define CODE_SLEPT 90
#define MS 1000000ULL

static uint32_t sleep_ns(cap_t server, uint64_t duration_ns, uint64_t *ret_now_ns) {
    struct process_sleep_request request = {.until_ns = program_time_in(duration_ns)};
    struct process_sleep_reply reply = {0};
    uint32_t status = process_sleep(server, &request, &reply, NULL);
    *ret_now_ns = reply.now_ns;
    return status;
}

/* ---- roles ---- */

/* sleeps MS */
static int role_sleeps(int argc, char **argv) {
    uint64_t now_ns;
    CHECK_EQUAL(argc, 2);
    CHECK_STATUS(sleep_ns(process, number_of(argv[1]) * MS, &now_ns), OK);
    return CODE_SLEPT;
}

static int role_sleeps_as_the_boss(int argc, char **argv) {
    uint64_t now_ns;
    (void)argc, (void)argv;
    spin_ns(100 * MS); /* until the parent waits */
    CHECK_STATUS(sleep_ns(program_cap("boss"), MS, &now_ns), P_BUSY);
    return CODE_SLEPT;
}

/* ---- sleep ---- */

static void sleep_lasts_as_long_as_asked_for(void) {
    static const uint64_t durations_ms[] = {1, 5, 20, 50};
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t now_ns;
        uint64_t begin_ns = sys_clock_read().value;
        CHECK_STATUS(sleep_ns(process, durations_ms[i] * MS, &now_ns), OK);
        CHECK(now_ns >= begin_ns + durations_ms[i] * MS);
        CHECK(sys_clock_read().value >= now_ns);
    }
}

static void sleep_of_0_comes_back(void) {
    uint64_t now_ns;
    CHECK_STATUS(sleep_ns(process, 0, &now_ns), OK);
    CHECK_STATUS(sleep_ns(process, 1, &now_ns), OK);
}

static void sleep_of_many_at_once(void) {
    static const char *const durations_ms[] = {"60", "20", "40", "20", "1", "0", "50", "10"};
    uint64_t pids[8];
    for (uint32_t i = 0; i < 8; i++)
        pids[i] = START_ROLE("sleeps", durations_ms[i]);
    for (uint32_t i = 0; i < 8; i++)
        CHECK_EXIT(pids[i], CODE_SLEPT);
}

static void sleep_ends_in_the_order_of_time(void) {
    struct process_wait_reply end;
    uint64_t late = START_ROLE("sleeps", "500");
    uint64_t early = START_ROLE("sleeps", "20");
    CHECK_STATUS(wait_for(PROCESS_ANY, &end), OK);
    CHECK_EQUAL(end.pid, early);
    CHECK_EXIT(late, CODE_SLEPT);
}

static void sleep_for_ever_ends_by_kill(void) {
    static const uint64_t durations_ms[] = {UINT64_MAX / MS, UINT64_MAX / MS / 2};
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t pid = START_ROLE("sleeps", text_of(durations_ms[i]));
        CHECK(reaches_state(pid, PROCESS_SLEEPING));
        CHECK_STATUS(kill_process(pid, PROCESS_SIGKILL), OK);
        CHECK_KILLED(pid, PROCESS_SIGKILL);
    }
}

static void sleep_of_a_parent_misses_no_end(void) {
    uint64_t now_ns;
    uint64_t pid = START_ROLE("leave", "4");
    CHECK_STATUS(sleep_ns(process, 30 * MS, &now_ns), OK);
    CHECK_EXIT(pid, 4);
}

static void sleep_refuses_who_waits_already(void) {
    static const char *const boss[] = {"boss=process", NULL};
    CHECK_EXIT(START_ROLE_WITH(boss, "sleeps_as_the_boss"), CODE_SLEPT);
}

#define SLEEP OPERATION(sleep)
static const struct test_case cases[] = {
    CASE_NEEDS(sleep_lasts_as_long_as_asked_for, SLEEP),
    CASE_NEEDS(sleep_of_0_comes_back, SLEEP),
    CASE_NEEDS(sleep_of_many_at_once, SLEEP),
    CASE_NEEDS(sleep_ends_in_the_order_of_time, SLEEP),
    CASE_NEEDS(sleep_for_ever_ends_by_kill, SLEEP | OPERATION(kill) | OPERATION(list)),
    CASE_NEEDS(sleep_of_a_parent_misses_no_end, SLEEP),
    CASE_NEEDS(sleep_refuses_who_waits_already, SLEEP),
};
static const struct role roles[] = {ROLE(sleeps), ROLE(sleeps_as_the_boss)};
GROUP(time);
