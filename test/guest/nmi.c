/*
 * Is the next non-maskable interrupt taken, whatever the last one led to? The CPU blocks NMIs until an IRET, but the
 * kernel may switch in an NMI to a thread that returns by SYSRET. Run with two CPUs.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/guard.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define ROUNDS 400U
#define SOON_NS 400U
#define PORTS_SLOT 2U

enum { OUT_ROUNDS, OUT_DEAF, OUT_BEFORE };

static uint64_t nmis(void) { return sys_system_info(INFO_NMIS, 1).value; }

static void arm(uint64_t ns) {
    (void)sys_system_control(PORTS_SLOT, CONTROL_TEST, CONTROL_TEST_ARGUMENT(CONTROL_TEST_NMI, ns));
}

static void spin(uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        __asm__ volatile("");
}

/* Gets one NMI after another between its calls. */
static void be_interrupted(struct worker_view *view) {
    for (;; view->out[OUT_ROUNDS]++) {
        arm(SOON_NS);
        for (uint64_t i = 0; i < 20; i++) {
            spin(SOON_NS / 10);
            if (view->out[OUT_ROUNDS] % 3 == 0)
                __asm__ volatile("pause");
        }
    }
}

/* Runs when the other thread is stopped, sometimes straight out of an NMI by SYSRET, and asks for the next NMI. */
static void listen(struct worker_view *view) {
    for (;; view->out[OUT_ROUNDS]++) {
        (void)sys_signal_wait(view->caps[0], DEADLINE_NEVER);
        uint64_t before = view->out[OUT_BEFORE] = nmis();
        arm(SOON_NS);
        spin(4 * SOON_NS);
        view->out[OUT_DEAF] += nmis() == before;
        arm(0);
    }
}

static void make_on_the_other_cpu(struct worker *worker, worker_code *code, uint64_t priority) {
    worker_make(worker, (struct worker_plan){.code = code, .own_table = true, .cpu = 1, .priority = priority});
    (void)worker_give(worker, PORTS_SLOT, INIT_CAP_PORTS, RIGHTS_ALL, 0);
}

static bool reaches(const struct worker *worker, uint64_t rounds) {
    for (uint64_t end = world_soon(); worker->view->out[OUT_ROUNDS] < rounds && world_now() < end;)
        __asm__ volatile("pause");
    return CHECK(worker->view->out[OUT_ROUNDS] >= rounds);
}

/* The other CPU waits for the lock inside an NMI while its thread is taken off it: the ready thread there runs next. */
static void thread_suspend_of_a_thread_whose_cpu_is_in_an_nmi(void) {
    struct worker interrupted, listener;
    uint64_t met = 0;
    cap_t wake = world_create(OBJECT_NOTIFICATION, 0);
    guard_watch_until(DEADLINE_NEVER); /* NMIs come from the timer */
    make_on_the_other_cpu(&interrupted, be_interrupted, PRIORITY_WORKER + 1);
    make_on_the_other_cpu(&listener, listen, PRIORITY_WORKER);
    listener.view->caps[0] = worker_give(&listener, PORTS_SLOT + 1, wake, RIGHTS_ALL, 0);
    worker_resume(&listener);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        for (uint64_t end = world_soon();
             worker_read(listener.thread).run_state != THREAD_IN_SIGNAL && world_now() < end;)
            __asm__ volatile("pause");
        worker_resume(&interrupted);
        if (!reaches(&interrupted, interrupted.view->out[OUT_ROUNDS] + 1))
            break;
        CHECK_STATUS(sys_signal_raise(wake, 1), OK);
        for (uint64_t k = random_below(4); k > 0; k--)
            __asm__ volatile("pause");
        spin(random_below(2 * SOON_NS));
        uint64_t before = nmis();
        CHECK_STATUS(sys_thread_suspend(interrupted.thread, 0), OK);
        if (!reaches(&listener, i + 1))
            break;
        met += listener.view->out[OUT_BEFORE] != before;
    }
    CHECK_EQUAL(listener.view->out[OUT_DEAF], 0);
    CHECK(met > 0);
    test_note("%lu NMIs, %lu of them as the thread was taken away, in %u rounds", nmis(), met, ROUNDS);
}

SUITE(CASE(thread_suspend_of_a_thread_whose_cpu_is_in_an_nmi));
