#include "test/guest/lib/guard.h"

#include "kernel/abi/system.h"
#include "kernel/abi/thread.h"
#include "libsys/maker/fault.h"
#include "libsys/program/program.h"
#include "libsys/text/format.h"
#include "libsys/wire/message.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/worker.h"
#include "test/guest/lib/world.h"

static struct worker guard;
static cap_t guard_endpoint;
static volatile uint64_t watch_until_ns;

void guard_watch_until(uint64_t deadline_ns) { watch_until_ns = deadline_ns; }

static _Noreturn void report_fault(const struct message *message) {
    char text[160];
    format_into(text, sizeof text, "the main thread has a %s at rip 0x%lx, address 0x%lx",
                fault_text(message->words[0]), message->words[3], message->words[1]);
    test_bail_out(text);
}

static _Noreturn void report_hang(const struct worker_view *view) {
    char text[160];
    const struct thread_state *main_thread = (const void *)view->message->data;
    struct result read = sys_thread_read(INIT_CAP_THREAD, 0);
    format_into(text, sizeof text, "hang: the main thread is in state %lu at rip 0x%lx (read: %lu)",
                main_thread->run_state, main_thread->registers.rip, read.status);
    test_bail_out(text);
}

/* The guard sees a new limit when its wait for an earlier one ends, so it need not be woken for each. */
static void watch(struct worker_view *view) {
    for (;;) {
        struct message message;
        uint64_t badge;
        uint64_t status = ep_wait(guard_endpoint, watch_until_ns, &message, &badge);
        if (status == OK)
            report_fault(&message);
        if (sys_clock_read().value >= watch_until_ns)
            report_hang(view);
    }
}

void guard_start(void) {
    guard_endpoint = world_slot();
    CHECK_STATUS(sys_object_create(INIT_CAP_POOL, OBJECT_ENDPOINT, 0, guard_endpoint), OK);
    watch_until_ns = world_now() + test_limit_default_ns();
    worker_make(&guard,
                (struct worker_plan){
                    .code = watch, .priority = INIT_PRIORITY, .pool = INIT_CAP_POOL, .fault_endpoint = guard_endpoint});
    worker_resume(&guard);
    struct thread_config config = {.fault_endpoint = guard_endpoint, .priority = PRIORITY_MAIN};
    CHECK_STATUS(worker_configure(INIT_CAP_THREAD, &config, THREAD_FAULT_ENDPOINT | THREAD_PRIORITY), OK);
    world_keep();
}
