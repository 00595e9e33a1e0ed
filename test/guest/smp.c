/*
 * Threads on several CPUs: do they run at once and wake each other, can they be stopped, moved and destroyed while they
 * run elsewhere, and is an unmapped page gone on all CPUs? Run with four.
 */
#include "kernel/abi/system.h"
#include "kernel/abi/trace.h"
#include "libsys/program/program.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define CPUS 4U
#define SHORT_NS 1000000ULL
#define LARGE_PAGES 512U
#define LARGE_BYTES (LARGE_PAGES * PAGE_BYTES)

/* Fewer if the host runs the CPUs at once but has fewer itself: each round may then take some of the host's time
 * slices. */
static uint64_t rounds(void) { return world_command_number("rounds", 200); }

/* As role_spin, but where CPUs are emulated in turn, each step passes the turn to the next one. */
static void spin(struct worker_view *view) {
    for (;; view->out[0]++)
        __asm__ volatile("pause");
}

static uint64_t other_cpu(uint64_t i) { return 1 + i % (CPUS - 1); }

static void start_on(struct worker *worker, worker_code *code, uint64_t cpu) {
    worker_start(worker, (struct worker_plan){.code = code, .cpu = cpu});
}

static void move_to(const struct worker *worker, uint64_t cpu) {
    struct thread_config config = {.cpu = cpu};
    CHECK_STATUS(worker_configure(worker->thread, &config, THREAD_CPU), OK);
}

static void system_info_counts_the_cpus(void) { CHECK_VALUE(sys_system_info(INFO_CPUS, 0), CPUS); }

static void thread_configure_cpu_is_where_it_runs(void) {
    static struct worker workers[CPUS - 1];
    for (uint64_t i = 0; i < CPUS - 1; i++) {
        start_on(&workers[i], spin, i + 1);
        CHECK_EQUAL(worker_read(workers[i].thread).cpu, i + 1);
    }
    for (uint64_t i = 0; i < CPUS - 1; i++)
        CHECK(world_comes(&workers[i].view->out[0], 1000,
                          world_soon())); /* it runs although the main thread runs, too, and has the higher priority */
}

/* A suspended thread executes not one more instruction; resumed, it goes on. */
static void thread_suspend_stops_a_thread_elsewhere(void) {
    struct worker worker;
    start_on(&worker, spin, 1);
    for (uint64_t i = 0; i < rounds(); i++) {
        uint64_t before = worker.view->out[0];
        CHECK(world_comes(&worker.view->out[0], before + 1, world_soon()));
        CHECK_STATUS(sys_thread_suspend(worker.thread, 0), OK);
        uint64_t stopped = worker.view->out[0];
        CHECK_EQUAL(worker_read(worker.thread).run_state, THREAD_STOPPED);
        for (uint32_t k = 0; k < 20; k++)
            __asm__ volatile("pause");
        if (!CHECK_EQUAL(worker.view->out[0], stopped))
            return;
        worker_resume(&worker);
    }
}

/* Make calls of many kinds: out[0] counts them, out[1] the wrong outcomes. */
static void call_often(struct worker_view *view) {
    for (;; view->out[0]++) {
        uint64_t before = world_now();
        view->out[1] += sys_signal_poll(view->caps[0]).status != E_EMPTY;
        view->out[1] += sys_signal_wait(view->caps[0], before).status != E_TIMEOUT;
        view->out[1] += sys_system_info(INFO_CPUS, 0).value != CPUS;
        view->out[1] += sys_cap_delete(0, 9999).status != E_CAP;
        view->out[1] += world_now() < before;
        __asm__ volatile("pause");
    }
}

/* If a thread is stopped when a call is about to begin, the call is made later, once. */
static void thread_suspend_takes_back_a_call(void) {
    static struct worker workers[CPUS - 1];
    for (uint64_t i = 0; i < CPUS - 1; i++) {
        worker_make(&workers[i], (struct worker_plan){.code = call_often, .cpu = i + 1});
        workers[i].view->caps[0] = world.silence;
        worker_resume(&workers[i]);
    }
    for (uint64_t i = 0; i < 5 * rounds(); i++) {
        const struct worker *worker = &workers[i % (CPUS - 1)];
        CHECK_STATUS(sys_thread_suspend(worker->thread, 0), OK);
        worker_resume(worker);
    }
    for (uint64_t i = 0; i < CPUS - 1; i++) {
        CHECK(world_comes(&workers[i].view->out[0], workers[i].view->out[0] + 10, world_soon()));
        CHECK_EQUAL(workers[i].view->out[1], 0);
    }
}

/* Call caps[0] in[0] times with distinguishable words; out[0] = calls done, out[1] = wrong answers. */
static void call_and_compare(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[0]; i++, view->out[0]++) {
        uint64_t words = i % 2 == 0 ? 2 : 40;
        struct message message = {.info = MESSAGE_INFO(i & 0xffff, words, 0), .words = {i, ~i, i, i}};
        for (uint64_t k = MESSAGE_REGISTERS; k < words; k++)
            view->message->words[k] = i + k;
        view->out[1] += ep_call(view->caps[0], &message) != OK || message.words[0] != i || message.words[1] != ~i;
        for (uint64_t k = MESSAGE_REGISTERS; k < words; k++)
            view->out[1] += view->message->words[k] != i + k;
    }
}

/* As role_echo, but also send back the words beyond the registers. */
static void echo_all(struct worker_view *view) {
    struct message message;
    uint64_t badge, status = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    for (; status == OK; status = ep_reply_wait(view->caps[0], &message, &badge))
        view->out[ECHO_COUNT]++;
    view->out[ECHO_STATUS] = status;
}

static void ep_call_reaches_a_server_on_another_cpu(void) {
    enum { CLIENTS = 5 };
    static struct worker server, clients[CLIENTS];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&server, (struct worker_plan){.code = echo_all, .cpu = 1, .own_space = true});
    server.view->caps[0] = endpoint;
    worker_resume(&server);
    for (uint64_t i = 0; i < CLIENTS; i++) {
        worker_make(&clients[i],
                    (struct worker_plan){.code = call_and_compare, .cpu = i % CPUS, .own_space = i % 2 == 0});
        clients[i].view->caps[0] = endpoint;
        clients[i].view->in[0] = rounds();
        worker_resume(&clients[i]);
    }
    for (uint64_t i = 0; i < CLIENTS; i++) {
        worker_join(&clients[i]);
        CHECK_EQUAL(clients[i].view->out[0], rounds());
        CHECK_EQUAL(clients[i].view->out[1], 0);
    }
    CHECK_EQUAL(server.view->out[ECHO_COUNT], CLIENTS * rounds());
}

/* Raise caps[0] and wait for caps[1], in[0] times. One of the two threads begins (in[1]) and the other answers, so no
 * bit is raised before the last one was taken. */
static void ping(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[0]; i++, view->out[0]++) {
        if (i != 0 || view->in[1] != 0)
            view->out[1] += sys_signal_raise(view->caps[0], 1).status != OK;
        view->out[1] += sys_signal_wait(view->caps[1], DEADLINE_NEVER).value != 1;
    }
    view->out[1] += sys_signal_raise(view->caps[0], 1).status != OK;
}

static void signal_wait_misses_nothing(void) {
    static struct worker one, other;
    cap_t there = world_create(OBJECT_NOTIFICATION, 0), back = world_create(OBJECT_NOTIFICATION, 0);
    worker_make(&one, (struct worker_plan){.code = ping, .cpu = 1});
    worker_make(&other, (struct worker_plan){.code = ping, .cpu = 2});
    one.view->caps[0] = other.view->caps[1] = there;
    one.view->caps[1] = other.view->caps[0] = back;
    one.view->in[0] = other.view->in[0] = 5 * rounds();
    one.view->in[1] = 1;
    worker_resume(&one);
    worker_resume(&other);
    worker_join(&one);
    worker_join(&other);
    CHECK_EQUAL(one.view->out[1] + other.view->out[1], 0);
}

/* Hit in[0] breakpoints; out[0] counts them. */
static void break_often(struct worker_view *view) {
    while (view->out[0] < view->in[0]) {
        __asm__ volatile("int3");
        view->out[0]++;
    }
}

/* Each breakpoint is reported once, although its thread is stopped and moved at any moment. */
static void thread_suspend_loses_no_trap(void) {
    struct worker worker;
    struct fault_message fault;
    uint64_t reported = 0;
    worker_make(&worker, (struct worker_plan){.code = break_often, .cpu = 1});
    worker.view->in[0] = rounds();
    worker_resume(&worker);
    for (uint64_t i = 0; worker_outcome(&worker, &fault); i++) {
        CHECK_EQUAL(fault.kind, FAULT_BREAKPOINT);
        reported++;
        worker_answer(FAULT_RESUME, NULL);
        for (uint64_t k = 0; k < i % 7; k++) {
            CHECK_STATUS(sys_thread_suspend(worker.thread, k % 2 == 0 ? SUSPEND_WITHDRAW : 0), OK);
            move_to(&worker, other_cpu(i + k));
            worker_resume(&worker);
        }
    }
    CHECK_EQUAL(reported, rounds());
}

/* Move itself (caps[0]) from CPU to CPU; out[0] = moves, out[1] = refusals. */
static void wander(struct worker_view *view) {
    struct thread_config config = {0};
    for (uint64_t i = 0; i < view->in[0]; i++, view->out[0]++) {
        config.cpu = (i * 7 + 1) % CPUS;
        __builtin_memcpy(view->message->data, &config, sizeof config);
        view->out[1] += sys_thread_configure(view->caps[0], THREAD_CPU).status != OK;
    }
}

static void thread_configure_cpu_of_the_caller(void) {
    enum { WORKERS = 4 };
    static struct worker workers[WORKERS];
    for (uint64_t i = 0; i < WORKERS; i++) {
        worker_make(&workers[i], (struct worker_plan){.code = wander, .cpu = i % CPUS, .own_space = i % 2 == 0});
        workers[i].view->caps[0] = workers[i].thread;
        workers[i].view->in[0] = rounds();
    }
    for (uint64_t i = 0; i < WORKERS; i++)
        worker_resume(&workers[i]);
    for (uint64_t i = 0; i < WORKERS; i++) {
        worker_join(&workers[i]);
        CHECK_EQUAL(workers[i].view->out[0], rounds());
        CHECK_EQUAL(workers[i].view->out[1], 0);
    }
}

static void thread_configure_cpu_moves_one_that_runs(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = call_often, .cpu = 1, .own_space = true});
    worker.view->caps[0] = world.silence;
    worker_resume(&worker);
    for (uint64_t i = 0; i < rounds(); i++) {
        move_to(&worker, other_cpu(i));
        CHECK_EQUAL(worker_read(worker.thread).cpu, other_cpu(i));
        if (!CHECK(world_comes(&worker.view->out[0], worker.view->out[0] + 1, world_soon())))
            return;
    }
    CHECK_EQUAL(worker.view->out[1], 0);
}

/* Keep a value in an FPU register: out[0] counts the checks, out[1] those that found another value. */
static void keep_value(struct worker_view *view) {
    uint64_t value = view->in[0], found;
    __asm__ volatile("movq %0, %%xmm7" : : "r"(value));
    for (;; view->out[0]++) {
        __asm__ volatile("pause; movq %%xmm7, %0" : "=r"(found));
        view->out[1] += found != value;
    }
}

/* FPU registers move with their thread, from a CPU that it runs on or ran on last. */
static void thread_configure_cpu_takes_the_fpu_along(void) {
    static struct worker workers[2];
    for (uint64_t i = 0; i < 2; i++) {
        worker_make(&workers[i], (struct worker_plan){.code = keep_value, .cpu = i + 1, .own_space = i == 1});
        workers[i].view->in[0] = 0x1234567800000000 + i;
        worker_resume(&workers[i]);
    }
    for (uint64_t i = 0; i < rounds(); i++) {
        const struct worker *worker = &workers[i % 2];
        CHECK(world_comes(&worker->view->out[0], worker->view->out[0] + 1, world_soon()));
        if (i % 3 == 0)
            CHECK_STATUS(sys_thread_suspend(worker->thread, 0), OK);
        move_to(worker, other_cpu(i / 2));
        if (i % 3 == 0)
            worker_resume(worker);
    }
    CHECK_EQUAL(workers[0].view->out[1] + workers[1].view->out[1], 0);
}

/* A waiting thread is moved, and its deadline still comes. */
static void thread_configure_cpu_of_one_that_waits(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_signal_wait, .cpu = 1});
    worker.view->caps[0] = world.silence;
    uint64_t deadline_ns = worker.view->in[0] = world_now() + 300 * SHORT_NS;
    worker_resume(&worker);
    worker_await(&worker, THREAD_IN_SIGNAL);
    move_to(&worker, 2);
    worker_join(&worker);
    CHECK_STATUS(worker.view->out[SIGNAL_STATUS], E_TIMEOUT);
    CHECK(worker.view->out[SIGNAL_ENDED_NS] >= deadline_ns);
}

static void thread_configure_priority_counts_on_each_cpu(void) {
    struct worker low, high;
    worker_start(&low, (struct worker_plan){.code = spin, .priority = 5, .cpu = 1});
    CHECK(world_comes(&low.view->out[0], 1, world_soon()));
    worker_start(&high, (struct worker_plan){.code = spin, .priority = 6, .cpu = 1});
    CHECK(world_comes(&high.view->out[0], 1, world_soon()));
    uint64_t before = low.view->out[0];
    CHECK(world_comes(&high.view->out[0], high.view->out[0] + 10000, world_soon()));
    CHECK_EQUAL(low.view->out[0], before);
    struct thread_config config = {.priority = 7};
    CHECK_STATUS(worker_configure(low.thread, &config, THREAD_PRIORITY), OK);
    CHECK(world_comes(&low.view->out[0], before + 1, world_soon()));
}

/* Equals on another CPU share it in slices, although only one of them was there when its slice began. */
static void thread_resume_of_equals_elsewhere_shares_their_cpu(void) {
    struct worker one, other;
    start_on(&one, spin, 1);
    CHECK(world_comes(&one.view->out[0], 1, world_soon()));
    start_on(&other, spin, 1);
    CHECK(world_comes(&other.view->out[0], 1, world_soon()));
    CHECK(world_comes(&one.view->out[0], one.view->out[0] + 1, world_soon()));
}

static void thread_handover_of_one_that_runs_elsewhere(void) {
    struct worker worker;
    start_on(&worker, spin, 1);
    for (uint64_t i = 0; i < rounds() / 4; i++) {
        worker.view->out[0] = 0;
        CHECK(world_comes(&worker.view->out[0], 1, world_soon()));
        struct thread_registers entry = worker_entry_state(&worker, spin);
        CHECK_STATUS(worker_handover(worker.thread, worker.space, &entry, HANDOVER_RESUME), OK);
    }
}

/* Write counts to the pages from in[0] on, and read them back. */
static void write_often(struct worker_view *view) {
    volatile uint64_t *page = (volatile uint64_t *)view->in[0];
    for (;; view->out[0]++) {
        *page = view->out[0];
        __asm__ volatile("pause");
    }
}

/* Take the page faults of `count` threads, and leave the threads stopped. */
static void take_page_faults(cap_t endpoint, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        struct message message, stop = {.info = MESSAGE_INFO(FAULT_STOP, 0, 0)};
        uint64_t badge;
        if (!CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK))
            return;
        CHECK_EQUAL(message.words[0], FAULT_PAGE);
        CHECK_STATUS(ep_reply(0, &stop), OK);
    }
}

/* Unmapped pages are gone when the call returns, on each CPU where a thread uses them. */
static void space_unmap_reaches_the_other_cpus(void) {
    static struct worker workers[CPUS - 1];
    cap_t faults = world_create(OBJECT_ENDPOINT, 0);
    for (uint64_t round = 0; round < rounds() / 10; round++) {
        cap_t memory = world_memory(CPUS - 1);
        volatile uint64_t *pages = world_map(memory, CPUS - 1);
        volatile uint64_t *seen = world_map(memory, CPUS - 1);
        for (uint64_t i = 0; i < CPUS - 1; i++) {
            if (round == 0)
                worker_make(&workers[i],
                            (struct worker_plan){.code = write_often, .cpu = i + 1, .fault_endpoint = faults});
            workers[i].view->in[0] = (uaddr_t)pages + i * PAGE_BYTES;
            struct thread_registers entry = worker_entry_state(&workers[i], write_often);
            CHECK_STATUS(worker_handover(workers[i].thread, workers[i].space, &entry, HANDOVER_RESUME), OK);
            uint64_t *own = (uint64_t *)((uaddr_t)seen + i * PAGE_BYTES);
            CHECK(world_comes(own, 1, world_soon()));
        }
        CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, (uaddr_t)pages, CPUS - 1), CPUS - 1);
        uint64_t last[CPUS - 1];
        for (uint64_t i = 0; i < CPUS - 1; i++)
            last[i] = seen[i * PAGE_BYTES / 8];
        take_page_faults(faults, CPUS - 1);
        for (uint64_t i = 0; i < CPUS - 1; i++)
            CHECK_EQUAL(seen[i * PAGE_BYTES / 8], last[i]);
    }
}

/* A large page is split while other CPUs write to it. They go on, and no fault is reported. */
static void space_protect_splits_under_the_other_cpus(void) {
    static struct worker workers[CPUS - 1];
    cap_t memory = hook_large_memory(1);
    uaddr_t at = (world_addresses(2 * LARGE_PAGES) + LARGE_BYTES - 1) / LARGE_BYTES * LARGE_BYTES;
    for (uint64_t round = 0; round < rounds() / 4; round++) {
        CHECK_STATUS(sys_space_map(INIT_CAP_SPACE, memory, 0, LARGE_PAGES, at, READ_WRITE), OK);
        for (uint64_t i = 0; i < CPUS - 1; i++) {
            if (round == 0) {
                worker_make(&workers[i], (struct worker_plan){.code = write_often, .cpu = i + 1});
                workers[i].view->in[0] = at + i * PAGE_BYTES;
            }
            CHECK_STATUS(sys_thread_resume(workers[i].thread), OK);
            CHECK(world_comes(&workers[i].view->out[0], workers[i].view->out[0] + 1, world_soon()));
        }
        CHECK_STATUS(sys_space_protect(INIT_CAP_SPACE, at + (10 + round % 500) * PAGE_BYTES, 1, MEMORY_READ), OK);
        for (uint64_t i = 0; i < CPUS - 1; i++)
            CHECK(world_comes(&workers[i].view->out[0], workers[i].view->out[0] + 2, world_soon()));
        for (uint64_t i = 0; i < CPUS - 1; i++)
            CHECK_STATUS(sys_thread_suspend(workers[i].thread, 0), OK);
        CHECK_VALUE(sys_space_unmap(INIT_CAP_SPACE, at, LARGE_PAGES), LARGE_PAGES);
    }
}

static void space_protect_reaches_the_other_cpus(void) {
    struct worker worker;
    struct fault_message fault;
    cap_t memory = world_memory(1);
    volatile uint64_t *page = world_map(memory, 1);
    worker_make(&worker, (struct worker_plan){.code = write_often, .cpu = 2});
    worker.view->in[0] = (uaddr_t)page;
    worker_resume(&worker);
    for (uint64_t i = 0; i < rounds() / 4; i++) {
        CHECK(world_comes(&worker.view->out[0], worker.view->out[0] + 1, world_soon()));
        CHECK_STATUS(sys_space_protect(INIT_CAP_SPACE, (uaddr_t)page, 1, MEMORY_READ), OK);
        uint64_t last = *page;
        if (!worker_fault(&worker, &fault))
            return;
        CHECK_EQUAL(fault.access, FAULT_ACCESS_PRESENT | FAULT_ACCESS_WRITE);
        CHECK_EQUAL(*page, last);
        CHECK_STATUS(sys_space_protect(INIT_CAP_SPACE, (uaddr_t)page, 1, READ_WRITE), OK);
        worker_answer(FAULT_RESUME, NULL);
    }
}

/* A thread and its space are destroyed while it runs. Their memory is reused at once. */
static void cap_delete_of_a_pool_whose_threads_run_elsewhere(void) {
    static struct worker workers[CPUS - 1];
    for (uint64_t round = 0; round < rounds() / 10; round++) {
        cap_t pool = world_pool(64);
        for (uint64_t i = 0; i < CPUS - 1; i++) {
            worker_make(&workers[i], (struct worker_plan){.code = i % 2 == 0 ? spin : call_often,
                                                          .cpu = i + 1,
                                                          .pool = pool,
                                                          .space = worker_space_from(pool),
                                                          .fault_endpoint = world.faults});
            workers[i].view->caps[0] = world.silence;
            worker_resume(&workers[i]);
        }
        for (uint64_t i = 0; i < CPUS - 1; i++)
            CHECK(world_comes(&workers[i].view->out[0], 1, world_soon()));
        CHECK_STATUS(sys_cap_delete(0, pool), OK);
        worker_let_run(SHORT_NS);
        uint64_t stopped[CPUS - 1];
        for (uint64_t i = 0; i < CPUS - 1; i++)
            stopped[i] = workers[i].view->out[0];
        worker_let_run(SHORT_NS);
        for (uint64_t i = 0; i < CPUS - 1; i++)
            CHECK_EQUAL(workers[i].view->out[0], stopped[i]);
    }
}

/* Start and end traces again and again; caps[0] = memory. */
static void trace_often(struct worker_view *view) {
    for (; view->in[0] == 0; view->out[0]++) {
        (void)sys_trace_control(INIT_CAP_PORTS, view->caps[0], 0, 1, TRACE_ALL);
        for (uint64_t i = view->out[0] % 3; i > 0; i--)
            __asm__ volatile("pause");
        (void)sys_trace_control(INIT_CAP_PORTS, 0, 0, 0, 0);
    }
}

/* A trace begins at the moment when a CPU has lost its thread to another CPU, and has no thread to record. */
static void trace_control_while_threads_move(void) {
    struct worker tracer, caller;
    worker_make(&tracer, (struct worker_plan){.code = trace_often, .cpu = 2});
    tracer.view->caps[0] = world_memory(1);
    worker_resume(&tracer);
    start_on(&caller, call_often, 1);
    caller.view->caps[0] = world.silence;
    for (uint64_t i = 0; i < 20 * rounds(); i++) {
        move_to(&caller, 1 + 2 * (i % 2));
        for (uint64_t j = i % 7; j > 0; j--)
            __asm__ volatile("pause");
    }
    CHECK(world_comes(&tracer.view->out[0], 10, world_soon()));
    tracer.view->in[0] = 1;
    worker_join(&tracer);
}

SUITE(CASE(system_info_counts_the_cpus), CASE(thread_configure_cpu_is_where_it_runs),
      CASE(thread_suspend_stops_a_thread_elsewhere), CASE(thread_suspend_takes_back_a_call),
      CASE(ep_call_reaches_a_server_on_another_cpu), CASE(signal_wait_misses_nothing),
      CASE(thread_suspend_loses_no_trap), CASE(thread_configure_cpu_of_the_caller),
      CASE(thread_configure_cpu_moves_one_that_runs), CASE(thread_configure_cpu_takes_the_fpu_along),
      CASE(thread_configure_cpu_of_one_that_waits), CASE(thread_configure_priority_counts_on_each_cpu),
      CASE(thread_resume_of_equals_elsewhere_shares_their_cpu), CASE(thread_handover_of_one_that_runs_elsewhere),
      CASE(space_unmap_reaches_the_other_cpus), CASE(space_protect_reaches_the_other_cpus),
      CASE(space_protect_splits_under_the_other_cpus), CASE(cap_delete_of_a_pool_whose_threads_run_elsewhere),
      CASE(trace_control_while_threads_move));
