/*
 * Each call about a thread that runs on another CPU takes it off that CPU first (sched_claim). Does that CPU lose
 * nothing by it: neither the interrupt it was handling, nor the time that was used? Run with four CPUs, of which
 * two have something to do.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define ELSEWHERE 1U /* the CPU of the thread that is claimed */

/* Where CPUs are emulated in turn, each of these passes the turn to the next one. */
static void pause(void) { __asm__ volatile("pause"); }

/* Start a thread on ELSEWHERE that runs `code` until the main thread stops it. */
static void start(struct worker *worker, worker_code *code) {
    worker_make(worker, (struct worker_plan){.code = code, .cpu = ELSEWHERE});
    worker_resume(worker);
}

/* Raise NMIs, each a little later than the last, until in[0]. out[0] = how many came; out[1] = whether one was lost. */
static void take_nmis(struct worker_view *view) {
    for (uint64_t after_ns = 200; view->in[0] == 0; after_ns = after_ns % 4000 + 37) {
        uint64_t count = sys_system_info(INFO_NMIS, ELSEWHERE).value, end = world_soon();
        (void)hook_test(CONTROL_TEST_NMI, after_ns);
        while (sys_system_info(INFO_NMIS, ELSEWHERE).value == count && world_now() < end)
            pause();
        view->out[1] += sys_system_info(INFO_NMIS, ELSEWHERE).value == count;
        view->out[0]++;
        (void)hook_test(CONTROL_TEST_NMI, 0);
    }
}

static void thread_read_loses_no_nmi(void) {
    struct worker worker;
    if (!test_checks_built())
        return;
    test_limit_ms(60000);
    start(&worker, take_nmis);
    uint64_t reads = 0;
    for (uint64_t end = world_soon(); worker.view->out[0] < 2000 && worker.view->out[1] == 0 && world_now() < end;
         reads++) {
        (void)worker_read(worker.thread);
        pause();
    }
    test_note("%lu NMIs among %lu reads", worker.view->out[0], reads);
    CHECK(worker.view->out[0] >= world_command_number("rounds", 200) / 10);
    CHECK_EQUAL(worker.view->out[1], 0);
    worker.view->in[0] = 1;
    worker_join(&worker);
}

/* Count in a register, never in memory. */
static void count_in_a_register(struct worker_view *view) {
    view->out[0] = 1;
    __asm__ volatile("xor %%ebx, %%ebx\n 1: inc %%rbx\n pause\n jmp 1b" : : : "rbx");
}

/* Reading a thread that runs elsewhere gives its current registers, not those of its last entry into the kernel. */
static void thread_read_of_one_that_runs_elsewhere(void) {
    struct worker worker;
    uint64_t count = 0;
    start(&worker, count_in_a_register);
    CHECK(world_comes(&worker.view->out[0], 1, world_soon()));
    for (uint64_t i = 0; i < world_command_number("rounds", 200) / 10; i++) {
        uint64_t before = count, end = world_soon();
        do {
            pause();
            count = worker_read(worker.thread).registers.rbx;
        } while (count <= before && world_now() < end);
        if (!CHECK(count > before))
            return;
    }
}

static void spin(struct worker_view *view) {
    for (;; view->out[0]++)
        pause();
}

/* The time used includes the time since the thread was last switched to. */
static void thread_read_counts_time_up_to_now(void) {
    struct worker worker;
    start(&worker, spin);
    uint64_t last_ns = worker_read(worker.thread).cpu_time_ns;
    for (uint32_t i = 0; i < 10; i++) {
        /* It has its CPU again, whenever the host of that CPU lets it have it. */
        CHECK(world_comes(&worker.view->out[0], worker.view->out[0] + 1, world_soon()));
        uint64_t began_ns = world_now();
        CHECK(world_comes(&worker.view->out[0], worker.view->out[0] + 2000 * (1 + i % 3), world_soon()));
        uint64_t ran_ns = world_now() - began_ns, now_ns = worker_read(worker.thread).cpu_time_ns;
        CHECK(now_ns - last_ns >= ran_ns / 2);
        last_ns = now_ns;
    }
}

SUITE(CASE(thread_read_loses_no_nmi), CASE(thread_read_of_one_that_runs_elsewhere),
      CASE(thread_read_counts_time_up_to_now));
