#include "test/guest/lib/suite.h"

#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/guard.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/world.h"
#include "test/lib/baseline.h"
#include "test/lib/port.h"

#define SLOW_CASE_NS 1000000000ULL

static uint32_t case_index; /* of the case that runs */
static uint32_t failed_case_count;

bool test_checks_built(void) { return sys_system_info(INFO_CHECKS_BUILT, 0).value == 1; }

static struct baseline take_baseline(void) {
    struct baseline now = baseline_of_kernel();
    now.figures[BASELINE_OWN] = sys_system_info(INFO_POOL_USED, INIT_CAP_POOL).value;
    return now;
}

static void check_after(const struct baseline *before) {
    static const char *const own_names[] = {"bytes of the first pool"};
    struct baseline after = take_baseline();
    baseline_compare(before, &after, own_names);
    struct result invariants = sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0);
    if (invariants.status != OK && invariants.status != E_CALL)
        test_fail("invariant %lu of kernel/calls/check.h is broken", invariants.value);
}

/* The limit is for kernels without checks, as these make stays longer. The kernel that users boot does not measure. */
static void check_stay(void) {
    struct result stay = sys_system_info(INFO_LONGEST_STAY, 0);
    if (stay.status == OK && !test_checks_built() && stay.value > TEST_STAY_LIMIT)
        test_fail("the kernel stayed %lu instructions, %u are allowed; cause %lu", stay.value, TEST_STAY_LIMIT,
                  sys_system_info(INFO_LONGEST_CALL, 0).value);
    (void)sys_system_info(INFO_LONGEST_STAY, 1);
}

/* ---- the run ---- */

static void end_case(void) { failed_case_count += !test_end(case_index + 1, suite.cases[case_index].name); }

static _Noreturn void power_off(uint64_t status) {
    (void)sys_system_control(INIT_CAP_PORTS, CONTROL_POWER_OFF, status);
    __builtin_trap();
}

void test_bail_out(const char *reason) {
    test_fail("%s", reason);
    end_case();
    test_print("Bail out! %s: %s\n", suite.cases[case_index].name, reason);
    power_off(1);
}

uint64_t test_limit_default_ns(void) { return world_command_number("limit_ms", TEST_LIMIT_MS) * 1000000; }

void test_limit_ms(uint64_t limit_ms) { guard_watch_until(sys_clock_read().value + limit_ms * 1000000); }

static void run_case(void) {
    test_begin();
    guard_watch_until(world_now() + test_limit_default_ns());
    struct baseline before = take_baseline();
    uint64_t started_ns = sys_clock_read().value;
    world_begin();
    suite.cases[case_index].run();
    test_row(NULL);
    world_end();
    check_after(&before);
    check_stay();
    uint64_t took_ns = sys_clock_read().value - started_ns;
    if (took_ns > SLOW_CASE_NS)
        test_print("# %s took %lu ms\n", suite.cases[case_index].name, took_ns / 1000000);
    end_case();
}

int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    test_print_to(INIT_CAP_PORTS);
    world_init();
    random_seed(world_command_number("seed", 1));
    guard_start();
    if (world_command_number("fastpath", 1) == 0) /* run the cases by the long way */
        (void)sys_system_control(INIT_CAP_PORTS, CONTROL_TEST, CONTROL_TEST_ARGUMENT(CONTROL_TEST_FASTPATH, 0));
    test_print("1..%u\n", suite.case_count);
    for (case_index = 0; case_index < suite.case_count; case_index++)
        run_case();
    power_off(failed_case_count > 0);
}
