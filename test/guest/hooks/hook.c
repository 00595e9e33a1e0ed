/*
 * Provokes one of the kernel's own failures, given by the command line's word hook=N (enum control_test), with traced=1
 * while a trace runs. None of these calls should return; test_hooks.py reads the harness's report.
 */
#include "kernel/abi/system.h"
#include "kernel/abi/trace.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

/* Write to the log what an attacker would, in order to pass for the kernel, or to control the terminal. */
static void forge_a_line(void) {
    static const char text[] = "begin\n9.000000 ERROR kernel: forged\r\x1b[2J\x7f\x80\xff end";
    memcpy(program.message->data, text, sizeof text - 1);
    CHECK_STATUS(sys_log_write(sizeof text - 1), OK);
}

static void system_control_provokes_a_failure(void) {
    forge_a_line();
    uint64_t hook = world_command_number("hook", CONTROL_TEST_COUNT);
    if (world_command_number("traced", 0) == 1) {
        CHECK_STATUS(sys_trace_control(INIT_CAP_PORTS, world_memory(1), 0, 1, TRACE_ALL), OK);
        CHECK_STATUS(sys_cap_delete(0, INIT_TABLE_SLOTS), E_CAP);
    }
    struct result result = sys_system_control(INIT_CAP_PORTS, CONTROL_TEST, CONTROL_TEST_ARGUMENT(hook, 0));
    test_fail("hook %lu came back: status %lu", hook, result.status);
}

SUITE(CASE(system_control_provokes_a_failure));
