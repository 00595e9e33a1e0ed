#include "test/guest/lib/test.h"

#include "kernel/abi/system.h"
#include "libsys/program.h"
#include "libsys/string.h"
#include "libsys/text.h"
#include "test/guest/lib/guard.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/world.h"

#define TAP_PORT 0xe8U
#define LINE_BYTES 400U
#define SLOW_CASE_NS 1000000000ULL

static struct {
    uint32_t index; /* of the current case */
    bool failed;
    const char *row;
    uint32_t failed_count;
} state;

/* ---- output ---- */

static void put_bytes(const char *text, size_t length_bytes) {
    for (size_t i = 0; i < length_bytes; i++)
        (void)sys_port_write(INIT_CAP_PORTS, TAP_PORT, 1, (uint8_t)text[i]);
}

FORMAT_LIKE(1, 2) static void put(const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_into_list(line, sizeof(line), format, arguments);
    va_end(arguments);
    put_bytes(line, length < sizeof(line) ? length : sizeof(line) - 1);
}

FORMAT_LIKE(1, 2) static void fail(const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_into_list(line, sizeof(line), format, arguments);
    va_end(arguments);
    put("# %s%s%s%s\n", line, state.row != NULL ? " [" : "", state.row != NULL ? state.row : "",
        state.row != NULL ? "]" : "");
    state.failed = true;
}

void test_fail(const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_into_list(line, sizeof(line), format, arguments);
    va_end(arguments);
    fail("%s", line);
}

void test_note(const char *format, ...) {
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_into_list(line, sizeof(line), format, arguments);
    va_end(arguments);
    put("# %s\n", line);
}

bool test_has_failed(void) { return state.failed; }

void test_row(const char *name) { state.row = name; }

/* ---- checks ---- */

bool test_check(bool passed, const char *file, int line, const char *text) {
    if (!passed)
        fail("%s:%d: %s", file, line, text);
    return passed;
}

bool test_check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *text) {
    if (actual != expected)
        fail("%s:%d: %s: is 0x%lx, want 0x%lx", file, line, text, actual, expected);
    return actual == expected;
}

bool test_check_status(uint64_t actual, uint64_t expected, const char *file, int line, const char *text) {
    if (actual != expected)
        fail("%s:%d: %s: is %s (%lu), want %s", file, line, text, status_name(actual), actual, status_name(expected));
    return actual == expected;
}

bool test_check_value(struct result result, uint64_t value, const char *file, int line, const char *text) {
    if (result.status != OK)
        fail("%s:%d: %s: is %s, want OK", file, line, text, status_name(result.status));
    else if (result.value != value)
        fail("%s:%d: %s: the value is 0x%lx, want 0x%lx", file, line, text, result.value, value);
    return result.status == OK && result.value == value;
}

bool test_checks_built(void) { return sys_system_info(INFO_CHECKS_BUILT, 0).value == 1; }

/* ---- counts that a case must not change ---- */

struct baseline {
    uint64_t mapped_frames, kernel_frames, capabilities, pool_used;
};

static struct baseline take_baseline(void) {
    return (struct baseline){
        .mapped_frames = sys_system_info(INFO_FRAMES_MAPPED, 0).value,
        .kernel_frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value,
        .capabilities = sys_system_info(INFO_CAPABILITIES, 0).value,
        .pool_used = sys_system_info(INFO_POOL_USED, INIT_CAP_POOL).value,
    };
}

static void compare(const char *what, uint64_t before, uint64_t after) {
    if (before != after)
        fail("%s: %lu before the case, %lu after it", what, before, after);
}

static void check_after(const struct baseline *before) {
    struct baseline after = take_baseline();
    compare("mapped frames", before->mapped_frames, after.mapped_frames);
    compare("kernel frames", before->kernel_frames, after.kernel_frames);
    compare("capabilities", before->capabilities, after.capabilities);
    compare("bytes of the first pool", before->pool_used, after.pool_used);
    struct result invariants = sys_system_control(INIT_CAP_PORTS, CONTROL_CHECK, 0);
    if (invariants.status != OK && invariants.status != E_CALL)
        fail("invariant %lu of kernel/calls/check.h is broken", invariants.value);
}

/* The limit is for kernels without checks, as these make stays longer. The kernel that users boot does not measure. */
static void check_stay(void) {
    struct result stay = sys_system_info(INFO_LONGEST_STAY, 0);
    if (stay.status == OK && !test_checks_built() && stay.value > TEST_STAY_LIMIT)
        fail("the kernel stayed %lu instructions, %u are allowed; cause %lu", stay.value, TEST_STAY_LIMIT,
             sys_system_info(INFO_LONGEST_CALL, 0).value);
    (void)sys_system_info(INFO_LONGEST_STAY, 1);
}

/* ---- the run ---- */

static void end_case(void) {
    put("%s %u - %s\n", state.failed ? "not ok" : "ok", state.index + 1, suite.cases[state.index].name);
    state.failed_count += state.failed;
}

static _Noreturn void power_off(uint64_t status) {
    (void)sys_system_control(INIT_CAP_PORTS, CONTROL_POWER_OFF, status);
    __builtin_trap();
}

void test_bail_out(const char *reason) {
    fail("%s", reason);
    end_case();
    put("Bail out! %s: %s\n", suite.cases[state.index].name, reason);
    power_off(1);
}

uint64_t test_limit_default_ns(void) { return world_command_number("limit_ms", TEST_LIMIT_MS) * 1000000; }

void test_limit_ms(uint64_t limit_ms) { guard_watch_until(sys_clock_read().value + limit_ms * 1000000); }

static void run_case(void) {
    state.failed = false;
    state.row = NULL;
    guard_watch_until(world_now() + test_limit_default_ns());
    struct baseline before = take_baseline();
    uint64_t started_ns = sys_clock_read().value;
    world_begin();
    suite.cases[state.index].run();
    state.row = NULL;
    world_end();
    check_after(&before);
    check_stay();
    uint64_t took_ns = sys_clock_read().value - started_ns;
    if (took_ns > SLOW_CASE_NS)
        put("# %s took %lu ms\n", suite.cases[state.index].name, took_ns / 1000000);
    end_case();
}

int main(int argc, char **argv, char **envp) {
    (void)argc, (void)argv, (void)envp;
    world_init();
    random_seed(world_command_number("seed", 1));
    guard_start();
    if (world_command_number("fastpath", 1) == 0) /* run the cases by the long way */
        (void)sys_system_control(INIT_CAP_PORTS, CONTROL_TEST, CONTROL_TEST_ARGUMENT(CONTROL_TEST_FASTPATH, 0));
    put("1..%u\n", suite.case_count);
    for (state.index = 0; state.index < suite.case_count; state.index++)
        run_case();
    power_off(state.failed_count > 0);
}
