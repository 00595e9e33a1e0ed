/*
 * Many interleavings of four CPUs, one after another: does any of them go wrong?
 *
 * The seed makes the kernel pause where CPUs could get in each other's way, and makes the threads here pause anywhere.
 * As the CPUs are emulated in turn, each seed gives one interleaving, always the same. For each seed a short scene is
 * played. Its outcome must be right, the kernel's invariants must hold, and nothing may leak.
 *
 * Words on the command line: first=N, the first seed; count=N, how many.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "test/guest/lib/hooks.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define CPUS 4U
#define SEEDS 300U
#define TURNS 12U
#define PAGES 3U
#define MINE 0x3333333333333333ULL
#define THEIRS 0x7777777777777777ULL

enum { IN_TURNS, IN_AT, IN_CANARY, IN_RANDOM = 15 };
enum { OUT_TURNS, OUT_WRONG, OUT_BITS, OUT_STATUS };

/* ---- pauses ---- */

static void pause(uint64_t count) {
    for (; count > 0; count--)
        __asm__ volatile("pause");
}

/* Let others run, at random. The generator's state is in in[IN_RANDOM], since workers have no variables. */
static void shake(struct worker_view *view) {
    uint64_t random = view->in[IN_RANDOM] | 1, value = random_step(&random);
    view->in[IN_RANDOM] = random;
    if (value % 3 == 0)
        pause(1 + (value >> 8) % 5);
}

static void shake_main(void) {
    uint64_t value = random_next();
    if (value % 2 == 0)
        pause(1 + (value >> 8) % 12);
}

static void make(struct worker *worker, worker_code *code, uint64_t cpu, struct worker_plan plan) {
    plan.code = code;
    plan.cpu = cpu;
    worker_make(worker, plan);
    worker->view->in[IN_RANDOM] = random_next();
    worker->view->in[IN_TURNS] = TURNS;
}

static bool comes(const struct worker *worker, uint64_t what, uint64_t at_least) {
    for (uint64_t end = world_soon(); worker->view->out[what] < at_least;) {
        if (world_now() > end) {
            test_fail("a worker does not go on: %lu of %lu, state %lu", worker->view->out[what], at_least,
                      worker_read(worker->thread).run_state);
            return false;
        }
        pause(1);
    }
    return true;
}

/* Do something that is allowed to any thread at any time; the thread goes on afterwards. */
static void meddle(const struct worker *worker) {
    struct thread_config config = {.cpu = 1 + random_below(CPUS - 1)};
    shake_main();
    switch (random_below(4)) {
    case 0:
        CHECK_STATUS(sys_thread_suspend(worker->thread, 0), OK);
        shake_main();
        break;
    case 1:
        CHECK_STATUS(sys_thread_suspend(worker->thread, 0), OK);
        CHECK_STATUS(worker_configure(worker->thread, &config, THREAD_CPU), OK);
        break;
    case 2:
        CHECK_STATUS(worker_configure(worker->thread, &config, THREAD_CPU), OK);
        break;
    default:
        (void)worker_read(worker->thread);
        break;
    }
    worker_resume(worker);
}

static void meddle_often(const struct worker *workers, uint64_t count) {
    for (uint64_t i = 0; i < 2 * TURNS; i++)
        meddle(&workers[random_below(count)]);
}

static void join_all(struct worker *workers, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        worker_join(&workers[i]);
        CHECK_EQUAL(workers[i].view->out[OUT_WRONG], 0);
    }
}

/* ---- scenes: a claim ---- */

static void calls(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[IN_TURNS]; i++, view->out[OUT_TURNS]++) {
        uint64_t before = world_now();
        view->out[OUT_WRONG] += sys_signal_poll(view->caps[0]).status != E_EMPTY;
        shake(view);
        view->out[OUT_WRONG] += sys_signal_wait(view->caps[0], before).status != E_TIMEOUT;
        view->out[OUT_WRONG] += sys_cap_delete(0, 9999).status != E_CAP;
        shake(view);
        view->out[OUT_WRONG] += sys_system_info(INFO_CPUS, 0).value != CPUS;
    }
}

static void claim_of_a_thread_that_calls(void) {
    struct worker workers[2];
    for (uint64_t i = 0; i < 2; i++) {
        make(&workers[i], calls, 1 + i, (struct worker_plan){.own_space = i == 1});
        workers[i].view->caps[0] = world.silence;
        worker_resume(&workers[i]);
    }
    meddle_often(workers, 2);
    join_all(workers, 2);
}

/* Answer faults at caps[0]: count breakpoints; for page faults map caps[1] in space caps[2]. */
static void answer_faults(struct worker_view *view) {
    struct message message;
    uint64_t badge, status = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    while (status == OK) {
        shake(view);
        if (message.words[0] == FAULT_BREAKPOINT) {
            view->out[OUT_TURNS]++;
        } else if (message.words[0] == FAULT_PAGE && message.words[1] / PAGE_BYTES == view->in[IN_AT] / PAGE_BYTES) {
            status = sys_space_map(view->caps[2], view->caps[1], 0, 1, view->in[IN_AT], READ_WRITE).status;
            /* E_EXISTS: it faulted twice, as it was moved during its fault */
            view->out[OUT_WRONG] += status != OK && status != E_EXISTS;
        } else {
            view->out[OUT_WRONG]++;
        }
        shake(view);
        message.info = MESSAGE_INFO(FAULT_RESUME, 0, 0);
        status = ep_reply_wait(view->caps[0], &message, &badge);
    }
    view->out[OUT_STATUS] = status;
}

static void breaks(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[IN_TURNS]; i++) {
        shake(view);
        __asm__ volatile("int3");
        view->out[OUT_TURNS]++;
    }
    for (;;)
        pause(1);
}

static void claim_of_a_thread_that_breaks(void) {
    struct worker worker, pager;
    cap_t faults = world_create(OBJECT_ENDPOINT, 0);
    make(&pager, answer_faults, 3, (struct worker_plan){0});
    pager.view->caps[0] = faults;
    make(&worker, breaks, 1, (struct worker_plan){.fault_endpoint = faults});
    worker_resume(&pager);
    worker_resume(&worker);
    meddle_often(&worker, 1);
    CHECK(comes(&worker, OUT_TURNS, TURNS));
    CHECK_EQUAL(pager.view->out[OUT_TURNS], TURNS);
    CHECK_EQUAL(pager.view->out[OUT_WRONG], 0);
}

static void touches(struct worker_view *view) {
    volatile uint64_t *page = (volatile uint64_t *)view->in[IN_AT];
    for (;; view->out[OUT_TURNS]++) {
        *page = view->out[OUT_TURNS];
        shake(view);
        view->out[OUT_WRONG] += *page != view->out[OUT_TURNS];
    }
}

static void claim_of_a_thread_that_faults(void) {
    struct worker worker, pager;
    cap_t faults = world_create(OBJECT_ENDPOINT, 0);
    uaddr_t at = world_addresses(1);
    make(&worker, touches, 1, (struct worker_plan){.own_space = true, .fault_endpoint = faults});
    make(&pager, answer_faults, 3, (struct worker_plan){0});
    pager.view->caps[0] = faults;
    pager.view->caps[1] = world_memory(1);
    pager.view->caps[2] = worker.space;
    pager.view->in[IN_AT] = worker.view->in[IN_AT] = at;
    worker_resume(&pager);
    worker_resume(&worker);
    for (uint64_t i = 0; i < TURNS; i++) {
        meddle(&worker);
        CHECK_STATUS(sys_space_unmap(worker.space, at, 1), OK);
    }
    CHECK(comes(&worker, OUT_TURNS, worker.view->out[OUT_TURNS] + 3));
    CHECK_EQUAL(worker.view->out[OUT_WRONG] + pager.view->out[OUT_WRONG], 0);
}

/* ---- waits ---- */

/* One thread begins (in[IN_AT]) and the other answers, so no bit is raised before the last one was taken. */
static void pings(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[IN_TURNS]; i++, view->out[OUT_TURNS]++) {
        if (i != 0 || view->in[IN_AT] != 0)
            view->out[OUT_WRONG] += sys_signal_raise(view->caps[0], 1).status != OK;
        shake(view);
        view->out[OUT_WRONG] += sys_signal_wait(view->caps[1], DEADLINE_NEVER).value != 1;
    }
    (void)sys_signal_raise(view->caps[0], 1);
}

static void migration_against_a_wake_up(void) {
    struct worker workers[2];
    cap_t caps[] = {world_create(OBJECT_NOTIFICATION, 0), world_create(OBJECT_NOTIFICATION, 0)};
    for (uint64_t i = 0; i < 2; i++) {
        make(&workers[i], pings, 1 + i, (struct worker_plan){.own_space = i == 0});
        workers[i].view->caps[0] = caps[i];
        workers[i].view->caps[1] = caps[1 - i];
        workers[i].view->in[IN_TURNS] = 2 * TURNS;
    }
    workers[0].view->in[IN_AT] = 1;
    worker_resume(&workers[0]);
    worker_resume(&workers[1]);
    meddle_often(workers, 2);
    join_all(workers, 2);
}

/* Raises one bit after another. */
static void raises(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[IN_TURNS]; i++) {
        shake(view);
        view->out[OUT_WRONG] += sys_signal_raise(view->caps[0], 1ULL << i).status != OK;
        pause(view->in[IN_AT] % 9);
    }
}

/* Wait, with short deadlines, until each bit was seen, none of them twice. */
static void collects(struct worker_view *view) {
    uint64_t all = (1ULL << view->in[IN_TURNS]) - 1;
    while (view->out[OUT_BITS] != all) {
        uint64_t random = view->in[IN_RANDOM] | 1, delay_ns = random_step(&random) % 20000;
        struct result result = sys_signal_wait(view->caps[0], world_now() + delay_ns);
        if (result.status == OK) {
            view->out[OUT_WRONG] += (view->out[OUT_BITS] & result.value) != 0;
            view->out[OUT_BITS] |= result.value;
        } else {
            view->out[OUT_WRONG] += result.status != E_TIMEOUT;
        }
        shake(view);
    }
}

static void notification_against_a_deadline(void) {
    struct worker workers[2];
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    make(&workers[0], collects, 1, (struct worker_plan){.own_space = true});
    make(&workers[1], raises, 2, (struct worker_plan){0});
    workers[0].view->caps[0] = workers[1].view->caps[0] = notification;
    workers[1].view->in[IN_AT] = random_next();
    worker_resume(&workers[0]);
    worker_resume(&workers[1]);
    meddle_often(workers, 2);
    join_all(workers, 2);
}

/* Suspend and resume caps[0] again and again. */
static void stops(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[IN_TURNS]; i++) {
        view->out[OUT_WRONG] += sys_thread_suspend(view->caps[0], 0).status != OK;
        shake(view);
        view->out[OUT_WRONG] += sys_thread_resume(view->caps[0]).status != OK;
        view->out[OUT_TURNS]++;
        shake(view);
    }
    for (;;)
        pause(1);
}

static void suspend_of_each_other(void) {
    struct worker workers[3];
    for (uint64_t i = 0; i < 3; i++)
        make(&workers[i], stops, 1 + i, (struct worker_plan){.own_space = i == 0});
    for (uint64_t i = 0; i < 3; i++)
        workers[i].view->caps[0] = workers[(i + 1) % 3].thread;
    for (uint64_t i = 0; i < 3; i++)
        worker_resume(&workers[i]);
    uint64_t done = 0;
    for (uint64_t end = world_soon(); done < 3 * TURNS && world_now() < end;) {
        done = 0;
        for (uint64_t i = 0; i < 3; i++) {
            worker_resume(&workers[i]); /* they may all have stopped each other */
            shake_main();
            done += workers[i].view->out[OUT_TURNS];
            CHECK_EQUAL(workers[i].view->out[OUT_WRONG], 0);
        }
    }
    CHECK_EQUAL(done, 3 * TURNS);
}

/* ---- memory ---- */

static void writes_its_canary(struct worker_view *view) {
    volatile uint64_t *pages = (volatile uint64_t *)view->in[IN_AT];
    for (uint64_t i = 0;; i++, view->out[OUT_TURNS]++) {
        volatile uint64_t *page = pages + i % PAGES * (PAGE_BYTES / 8);
        view->out[OUT_WRONG] += *page != MINE;
        shake(view);
        *page = MINE;
    }
}

/* A page that is unmapped belongs to its next owner at once. */
static void unmap_against_a_touch(void) {
    struct worker workers[2];
    cap_t memory = world_memory(PAGES), faults = world_create(OBJECT_ENDPOINT, 0), space = worker_space();
    volatile uint64_t *seen = world_map(memory, PAGES);
    uaddr_t at = world_addresses(PAGES);
    uint64_t count = 1 + random_below(PAGES), first = random_below(PAGES - count + 1);
    for (uint64_t i = 0; i < PAGES; i++)
        seen[i * PAGE_BYTES / 8] = MINE;
    CHECK_STATUS(sys_space_map(space, memory, 0, PAGES, at, READ_WRITE), OK);
    for (uint64_t i = 0; i < 2; i++) {
        make(&workers[i], writes_its_canary, 1 + i, (struct worker_plan){.space = space, .fault_endpoint = faults});
        workers[i].view->in[IN_AT] = at;
        worker_resume(&workers[i]);
    }
    for (uint64_t i = 0; i < 2; i++)
        CHECK(comes(&workers[i], OUT_TURNS, PAGES + random_below(4)));
    if (random_below(3) == 0)
        CHECK_STATUS(sys_space_protect(space, at + first * PAGE_BYTES, count, MEMORY_READ), OK);
    else
        CHECK_VALUE(sys_space_unmap(space, at + first * PAGE_BYTES, count), count);
    for (uint64_t i = first; i < first + count; i++)
        seen[i * PAGE_BYTES / 8] = THEIRS;
    pause(40);
    for (uint64_t i = first; i < first + count; i++)
        CHECK_EQUAL(seen[i * PAGE_BYTES / 8], THEIRS);
}

/* ---- ends ---- */

static void destruction_of_a_pool_whose_threads_run(void) {
    static worker_code *const codes[] = {calls, pings, stops};
    struct worker workers[3];
    cap_t pool = world_pool(64), notification = world_create(OBJECT_NOTIFICATION, 0);
    for (uint64_t i = 0; i < 3; i++) {
        struct worker_plan plan = {.pool = pool, .space = worker_space_from(pool), .fault_endpoint = world.faults};
        make(&workers[i], codes[i], 1 + i, plan);
        workers[i].view->in[IN_TURNS] = UINT64_MAX;
    }
    workers[0].view->caps[0] = world.silence;
    workers[1].view->caps[0] = workers[1].view->caps[1] = notification; /* it wakes itself */
    workers[1].view->in[IN_AT] = 1;
    workers[2].view->caps[0] = workers[0].thread;
    for (uint64_t i = 0; i < 3; i++)
        worker_resume(&workers[i]);
    pause(random_below(200));
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    uint64_t turns[3];
    for (uint64_t i = 0; i < 3; i++)
        turns[i] = workers[i].view->out[OUT_TURNS];
    pause(60);
    for (uint64_t i = 0; i < 3; i++)
        CHECK_EQUAL(workers[i].view->out[OUT_TURNS], turns[i]);
}

/* Call caps[0] until it is gone; the words tell one call from another. */
static void calls_server(struct worker_view *view) {
    uint64_t status = OK;
    for (uint64_t i = 0; i < view->in[IN_TURNS] && status == OK; i++) {
        uint64_t words = i % 4 == 0 ? 40 : 2;
        struct message message = {.info = MESSAGE_INFO(i & 0xffff, words, 0), .words = {i, ~i, i, i}};
        for (uint64_t k = MESSAGE_REGISTERS; k < words; k++)
            view->message->words[k] = i + k;
        status = ep_call(view->caps[0], &message);
        if (status != OK)
            break;
        view->out[OUT_WRONG] += message.words[0] != i || message.words[1] != ~i;
        for (uint64_t k = MESSAGE_REGISTERS; k < words; k++)
            view->out[OUT_WRONG] += view->message->words[k] != i + k;
        view->out[OUT_TURNS]++;
        shake(view);
    }
    view->out[OUT_STATUS] = status;
}

static void serves(struct worker_view *view) {
    struct message message;
    uint64_t badge, status = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    for (; status == OK; status = ep_reply_wait(view->caps[0], &message, &badge))
        shake(view);
}

static void start_calls(struct worker *clients, uint64_t count, struct worker *server, cap_t endpoint,
                        struct worker_plan plan) {
    make(server, serves, 1, plan);
    server->view->caps[0] = endpoint;
    worker_resume(server);
    for (uint64_t i = 0; i < count; i++) {
        make(&clients[i], calls_server, 1 + random_below(CPUS - 1), (struct worker_plan){.own_space = i == 0});
        clients[i].view->caps[0] = endpoint;
        worker_resume(&clients[i]);
    }
}

static void call_against_the_end_of_the_server(void) {
    struct worker clients[2], server;
    cap_t pool = world_pool(64), endpoint = world_slot();
    bool ends_too = random_below(2) == 0; /* otherwise only the server's thread ends, and no server is left */
    CHECK_STATUS(sys_object_create(ends_too ? pool : world.pool, OBJECT_ENDPOINT, 0, endpoint), OK);
    struct worker_plan plan = {.pool = pool, .space = worker_space_from(pool), .fault_endpoint = world.faults};
    start_calls(clients, 2, &server, endpoint, plan);
    pause(random_below(150));
    CHECK_STATUS(sys_cap_delete(0, pool), OK);
    if (!ends_too) {
        shake_main();
        CHECK_STATUS(sys_cap_delete(0, endpoint), OK);
    }
    for (uint64_t i = 0; i < 2; i++) {
        worker_join(&clients[i]);
        uint64_t status = clients[i].view->out[OUT_STATUS];
        CHECK(status == E_PEER || status == E_CAP || (status == OK && clients[i].view->out[OUT_TURNS] == TURNS));
        CHECK_EQUAL(clients[i].view->out[OUT_WRONG], 0);
    }
}

static void call_and_reply_against_suspend(void) {
    struct worker workers[3]; /* the last one serves */
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    start_calls(workers, 2, &workers[2], endpoint, (struct worker_plan){.own_space = true});
    meddle_often(workers, 3);
    join_all(workers, 2);
    for (uint64_t i = 0; i < 2; i++)
        CHECK_EQUAL(workers[i].view->out[OUT_TURNS], TURNS);
}

/* ---- the seeds ---- */

static void (*const scenes[])(void) = {
    claim_of_a_thread_that_calls,   claim_of_a_thread_that_breaks,   claim_of_a_thread_that_faults,
    migration_against_a_wake_up,    unmap_against_a_touch,           destruction_of_a_pool_whose_threads_run,
    suspend_of_each_other,          notification_against_a_deadline, call_against_the_end_of_the_server,
    call_and_reply_against_suspend,
};
#define SCENES (sizeof scenes / sizeof scenes[0])

static bool play(uint64_t seed, const struct hook_counts *before) {
    char row[32];
    format_into(row, sizeof row, "seed %lu", seed);
    test_row(row);
    test_limit_ms(test_limit_default_ns() / 1000000);
    random_seed(seed * 1000003);
    world_begin();
    CHECK_STATUS(hook_test(CONTROL_TEST_SCHEDULE, random_next() >> 8 | 1), OK);
    scenes[seed % SCENES]();
    world_end(); /* all are destroyed, some of them while they run, which is part of the schedule */
    CHECK_STATUS(hook_test(CONTROL_TEST_SCHEDULE, 0), OK);
    hook_check_counts(INIT_CAP_POOL, before);
    test_row(NULL);
    if (test_has_failed())
        test_note("this seed alone: ./baton test schedules -- --test-args='--append \"first=%lu count=1\"'", seed);
    return !test_has_failed();
}

static void each_seed_is_a_schedule(void) {
    uint64_t seed = world_command_number("first", 1), end = seed + world_command_number("count", SEEDS);
    world_end();
    struct hook_counts before = hook_counts(INIT_CAP_POOL);
    while (seed < end && play(seed, &before))
        seed++;
    world_begin();
}

SUITE(CASE(each_seed_is_a_schedule));
