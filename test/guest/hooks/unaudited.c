/*
 * A handover into a wrong space, with the audit off: the machine dies, and the host's report must name the entry that
 * the audit would have named. test_unaudited.py chooses the entry (words check=N level=N flip=N, numbers of kernel/abi)
 * and reads both reports. at=N in place of check=N is an address; then the kernel is asked to panic there.
 */
#include "kernel/abi/system.h"
#include "libsys/maker/audit_text.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/worker.h"
#include "test/guest/lib/world.h"

/* caps[0] = ports; in[0] = 0: does nothing. */
static void panic_if_asked(struct worker_view *view) {
    if (view->in[0] != 0)
        (void)sys_system_control(view->caps[0], CONTROL_TEST, CONTROL_TEST_ARGUMENT(CONTROL_TEST_PANIC, 0));
}

static void thread_runs_in_a_wrong_space(void) {
    struct worker worker;
    struct audit_failure failure;
    worker_make(&worker, (struct worker_plan){.code = panic_if_asked, .own_space = true, .own_table = true});
    struct thread_registers entry = worker_entry_state(&worker, panic_if_asked);
    uaddr_t at = world_command_number("at", 0);
    worker.view->caps[0] = worker_give(&worker, 1, INIT_CAP_PORTS, RIGHTS_ALL, 0);
    worker.view->in[0] = at;
    struct control_corrupt what = {.space = worker.space,
                                   .thread = worker.thread,
                                   .check = world_command_number("check", AUDIT_WRITE_EXECUTE),
                                   .at = at,
                                   .level = world_command_number("level", 1),
                                   .flip = world_command_number("flip", CONTROL_FLIP_PRESENT)};
    memcpy(program.message->data, &what, sizeof what);
    CHECK_STATUS(hook_test(CONTROL_TEST_CORRUPT, 0), OK);
    CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, 0), E_AUDIT);
    memcpy(&failure, program.message->data, sizeof failure);
    char text[AUDIT_TEXT_MAX];
    audit_format(&failure, text, sizeof text);
    test_note("audit: %s", text);
    CHECK_STATUS(hook_test(CONTROL_TEST_NO_AUDIT, 0), OK);
    CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME), OK);
    worker_join(&worker);
    test_fail("the thread ran to its end");
}

SUITE(CASE(thread_runs_in_a_wrong_space));
