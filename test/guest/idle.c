/*
 * An idle CPU takes dead objects apart, and sleeps: does it still react to everything?
 *
 * thread_configure leaves dead objects to it: it gives up bindings and, unlike cap_delete, takes nothing
 * apart. So each case puts everything that is to die into a table or endpoint that only a thread's binding
 * keeps alive, and then binds another.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define SOON_NS 1000000U         /* by then every ready thread has run */
#define LONG_NS 200000000U       /* more than a time slice, so no timer is armed any more */
#define TIMER_LATE_NS_MAX 20000U /* two stays, and a switch */
#define INTERRUPT_FIRST 256U     /* INFO_LONGEST_CALL of interrupts */
#define INTERRUPT_END 512U
#define CHUNK_PAGES 512U
#define BUSY_NS 20000000U /* some steps of a busy CPU, which does one step a millisecond */

/* A thread that never runs, whose bindings keep objects alive. */
static cap_t keeper;

static void keep(cap_t table, cap_t endpoint) {
    struct thread_config config = {.table = table, .fault_endpoint = endpoint};
    uint64_t fields = (table != 0 ? THREAD_TABLE : 0) | THREAD_FAULT_ENDPOINT;
    CHECK_STATUS(worker_configure(keeper, &config, fields), OK);
}

/* Start a caller at an endpoint that only the keeper holds. */
static void start_orphan(struct worker *caller, uint64_t cpu) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    keeper = world_create(OBJECT_THREAD, 0);
    keep(0, endpoint);
    role_start_call(caller, (struct worker_plan){.cpu = cpu}, endpoint, 0);
    CHECK(worker_await(caller, THREAD_IN_CALL));
    CHECK_STATUS(sys_cap_delete(0, caller->view->caps[0]), OK);
    CHECK_STATUS(sys_cap_delete(0, endpoint), OK);
    CHECK_EQUAL(worker_read(caller->thread).run_state, THREAD_IN_CALL);
}

/* The sleeping CPU takes the endpoint apart, and the caller is its own thread: it has to look for ready
 * threads again before it sleeps. */
static void thread_configure_leaves_a_caller_to_the_idle_cpu(void) {
    struct worker caller;
    start_orphan(&caller, 0);
    uint64_t start_ns = world_now();
    keep(0, 0);
    worker_let_run(LONG_NS);
    CHECK_EQUAL(caller.view->out[CALL_STATUS], E_PEER);
    CHECK(caller.view->out[CALL_ENDED_NS] - start_ns < SOON_NS);
    worker_join(&caller);
}

/* No CPU idles, and no thread deletes anything: the caller is still told. */
static void thread_configure_leaves_a_caller_to_a_busy_cpu(void) {
    struct worker caller;
    start_orphan(&caller, 0);
    keep(0, 0);
    for (uint64_t end_ns = world_now() + BUSY_NS; world_now() < end_ns;)
        ;
    CHECK_EQUAL(worker_read(caller.thread).run_state, THREAD_READY);
    worker_join(&caller);
    CHECK_EQUAL(caller.view->out[CALL_STATUS], E_PEER);
}

static void delete_pool(struct worker_view *view) { view->out[0] = sys_cap_delete(0, view->caps[0]).status; }

/* A thread is stopped while it takes something apart: a busy CPU finishes that. */
static void thread_suspend_leaves_garbage_to_a_busy_cpu(void) {
    struct worker deleter;
    cap_t pool = world_pool(CHUNK_PAGES);
    uint64_t frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value - CHUNK_PAGES;
    worker_make(&deleter, (struct worker_plan){.code = delete_pool});
    deleter.view->caps[0] = pool;
    worker_resume(&deleter);
    worker_let_run(20000); /* the delete has begun */
    CHECK_STATUS(sys_thread_suspend(deleter.thread, 0), OK);
    CHECK(sys_system_info(INFO_FRAMES_KERNEL, 0).value > frames);
    for (uint64_t end_ns = world_now() + 10 * BUSY_NS; world_now() < end_ns;)
        ;
    CHECK_EQUAL(sys_system_info(INFO_FRAMES_KERNEL, 0).value, frames);
    worker_resume(&deleter);
    worker_join(&deleter);
    CHECK_EQUAL(deleter.view->out[0], OK);
}

static void count_raises(struct worker_view *view) {
    while (sys_signal_wait(view->caps[0], DEADLINE_NEVER).status == OK)
        view->out[0]++;
}

/* Another CPU takes the endpoint apart; later raises must still reach it. */
static void signal_raise_reaches_a_cpu_that_has_reaped(void) {
    struct worker caller, counter;
    if (sys_system_info(INFO_CPUS, 0).value < 2) {
        test_note("one CPU: nobody is asleep while this runs");
        return;
    }
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    start_orphan(&caller, 1);
    role_start_wait(&counter, (struct worker_plan){.cpu = 1}, count_raises, notification);
    CHECK(worker_await(&counter, THREAD_IN_SIGNAL));
    worker_let_run(LONG_NS);
    keep(0, 0);
    for (uint64_t i = 1; i <= 4; i++) { /* the first lets the other CPU enter the kernel, where it reaps */
        CHECK_STATUS(sys_signal_raise(notification, 1), OK);
        CHECK(world_comes(&counter.view->out[0], i, world_now() + LONG_NS));
        CHECK(world_comes(&caller.view->out[CALL_ENDED_NS], 1, world_now() + LONG_NS));
    }
    CHECK_EQUAL(caller.view->out[CALL_STATUS], E_PEER);
    CHECK_EQUAL(worker_read(counter.thread).run_state, THREAD_IN_SIGNAL);
    worker_join(&caller);
}

/* Fill a table, which the keeper keeps alive, with a pool of `page_count` pages and another one with `threads`
 * threads. */
static void fill_grave(cap_t table, uint64_t page_count, uint64_t threads) {
    cap_t slot = world_slot(), pool = world_pool(CHUNK_PAGES);
    for (uint64_t pages = CHUNK_PAGES; pages < page_count; pages += CHUNK_PAGES)
        CHECK_STATUS(sys_pool_extend(pool, world.region, world_frames(CHUNK_PAGES), CHUNK_PAGES), OK);
    for (uint64_t i = 0; i < threads; i++) {
        CHECK_STATUS(sys_object_create(pool, OBJECT_THREAD, 0, slot), OK);
        CHECK_STATUS(sys_cap_move(table, 2 + i, slot), OK);
    }
    CHECK_STATUS(sys_cap_move(table, 1, pool), OK);
}

/* While the CPU has megabytes to take apart, interrupts are not delayed. */
static void thread_configure_leaves_garbage_that_delays_no_interrupt(void) {
    static const uint64_t sizes[] = {0, 512, 2048, 8192};
    keeper = world_create(OBJECT_THREAD, 0);
    for (uint32_t row = 0; row < sizeof sizes / sizeof sizes[0]; row++) {
        cap_t table = world_create(OBJECT_TABLE, 256), other = world_create(OBJECT_TABLE, 8);
        uint64_t frames = sys_system_info(INFO_FRAMES_KERNEL, 0).value;
        keep(table, 0);
        if (sizes[row] > 0)
            fill_grave(table, sizes[row], 200);
        CHECK_STATUS(sys_cap_delete(0, table), OK);
        (void)sys_system_info(INFO_LONGEST_STAY, 1);
        keep(other, 0);
        uint64_t due_ns = world_now() + 20000;
        CHECK_STATUS(sys_signal_wait(world.silence, due_ns), E_TIMEOUT);
        uint64_t late_ns = world_now() - due_ns, stay = sys_system_info(INFO_LONGEST_STAY, 0).value;
        test_note("%lu pages to take apart: a timer is %lu ns late, the longest stay %lu", sizes[row], late_ns, stay);
        CHECK(late_ns <= TIMER_LATE_NS_MAX);
        CHECK(sizes[row] == 0 || stay > 1000); /* the reaping shows in the stay */
        worker_let_run(LONG_NS);               /* no deletion waits for this garbage, so the case does */
        CHECK_EQUAL(sys_system_info(INFO_FRAMES_KERNEL, 0).value, frames);
    }
}

/* An interrupt on an idle CPU counts as a stay, too. Here it is the longest, since 30 timers come at once. */
static void system_info_measures_interrupts_of_an_idle_cpu(void) {
    cap_t timers = world_slots(30);
    for (uint32_t i = 0; i < 30; i++)
        CHECK_STATUS(sys_object_create(world.pool, OBJECT_NOTIFICATION, 0, timers + i), OK);
    uint64_t when_ns = world_now() + SOON_NS;
    for (uint32_t i = 0; i < 30; i++)
        CHECK_STATUS(sys_signal_timer(timers + i, 1, when_ns), OK);
    (void)sys_system_info(INFO_LONGEST_STAY, 1);
    worker_let_run(2 * SOON_NS);
    struct result cause = sys_system_info(INFO_LONGEST_CALL, 0);
    CHECK_STATUS(cause, OK);
    CHECK(cause.value >= INTERRUPT_FIRST && cause.value < INTERRUPT_END);
}

SUITE(CASE(thread_configure_leaves_a_caller_to_the_idle_cpu), CASE(thread_configure_leaves_a_caller_to_a_busy_cpu),
      CASE(thread_suspend_leaves_garbage_to_a_busy_cpu), CASE(signal_raise_reaches_a_cpu_that_has_reaped),
      CASE(thread_configure_leaves_garbage_that_delays_no_interrupt),
      CASE(system_info_measures_interrupts_of_an_idle_cpu));
