/*
 * Which thread runs, and when: priorities, time slices among equals, the direct switch of a call, and idling.
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define SLICE_NS 10000000ULL /* the time slice that kernel/run/sched.h promises */
#define SHORT_NS 3000000ULL

/* Threads record the order in which they ran: each takes the next number. */
static volatile uint64_t turn;
static void take_turn(struct worker_view *view) { view->out[0] = ++turn; }

static void thread_configure_priority_decides_who_runs_first(void) {
    enum { WORKERS = 8 };
    static const uint64_t priorities[WORKERS] = {3, 9, 1, 12, 9, 5, 20, 1};
    static const uint64_t order[WORKERS] = {6, 3, 7, 2, 4, 5, 1, 8};
    struct worker workers[WORKERS];
    turn = 0;
    for (uint32_t i = 0; i < WORKERS; i++)
        worker_start(&workers[i], (struct worker_plan){.code = take_turn, .priority = priorities[i]});
    for (uint32_t i = 0; i < WORKERS; i++) {
        worker_join(&workers[i]);
        CHECK_EQUAL(workers[i].view->out[0], order[i]);
    }
}

static void thread_configure_priority_of_a_ready_thread(void) {
    struct worker first, second;
    turn = 0;
    worker_start(&first, (struct worker_plan){.code = take_turn, .priority = 5});
    worker_start(&second, (struct worker_plan){.code = take_turn, .priority = 5});
    struct thread_config config = {.priority = 6};
    CHECK_STATUS(worker_configure(second.thread, &config, THREAD_PRIORITY), OK);
    worker_join(&first);
    worker_join(&second);
    CHECK_EQUAL(second.view->out[0], 1);
    CHECK_EQUAL(first.view->out[0], 2);
}

/* caps[0] = thread: resume it, and take a turn afterwards. */
static void resume_and_take_turn(struct worker_view *view) {
    view->out[1] = sys_thread_resume(view->caps[0]).status;
    take_turn(view);
}

/* A thread that becomes ready waits until the slice of an equal ends. */
static void thread_resume_of_an_equal_waits_for_its_turn(void) {
    struct worker running, resumed;
    turn = 0;
    worker_make(&resumed, (struct worker_plan){.code = take_turn});
    worker_make(&running, (struct worker_plan){.code = resume_and_take_turn});
    running.view->caps[0] = resumed.thread;
    worker_resume(&running);
    worker_join(&running);
    worker_join(&resumed);
    CHECK_STATUS(running.view->out[1], OK);
    CHECK_EQUAL(running.view->out[0], 1);
    CHECK_EQUAL(resumed.view->out[0], 2);
}

/* A lower thread does not run as long as a higher one can. */
static void thread_configure_priority_starves_the_lower(void) {
    struct worker high, low;
    worker_start(&low, (struct worker_plan){.code = role_spin, .priority = 5});
    worker_start(&high, (struct worker_plan){.code = role_spin, .priority = 6});
    worker_let_run(5 * SLICE_NS);
    CHECK(high.view->out[0] > 0);
    CHECK_EQUAL(low.view->out[0], 0);
    CHECK_STATUS(sys_thread_suspend(high.thread, 0), OK);
    worker_let_run(SHORT_NS);
    CHECK(low.view->out[0] > 0);
}

/* Equals share the CPU in time slices: each gets its share. */
static void thread_resume_of_equals_shares_the_cpu(void) {
    enum { WORKERS = 3, ROUNDS = 8 };
    struct worker workers[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++)
        worker_start(&workers[i], (struct worker_plan){.code = role_spin, .own_space = i == 1, .own_table = i == 1});
    worker_let_run(WORKERS * ROUNDS * SLICE_NS);
    uint64_t total_ns = 0;
    for (uint32_t i = 0; i < WORKERS; i++)
        total_ns += worker_read(workers[i].thread).cpu_time_ns;
    CHECK(total_ns > (WORKERS * ROUNDS - 4) * SLICE_NS);
    for (uint32_t i = 0; i < WORKERS; i++) {
        uint64_t time_ns = worker_read(workers[i].thread).cpu_time_ns;
        bool fair = time_ns > total_ns / WORKERS / 2 && time_ns < total_ns / WORKERS * 2;
        if (!CHECK(fair))
            test_note("thread %u had %lu of %lu us", i, time_ns / 1000, total_ns / 1000);
    }
}

/* Wake every in[0] ns, and sleep again. */
static void wake_often(struct worker_view *view) {
    for (;; view->out[0]++)
        (void)sys_signal_wait(view->caps[0], world_now() + view->in[0]);
}

/* A preempted thread later continues its slice, and the slice still ends: equals share the rest of the CPU. */
static void thread_resume_of_equals_shares_what_a_higher_one_leaves(void) {
    enum { WORKERS = 2, ROUNDS = 8 };
    struct worker workers[WORKERS], high;
    worker_make(&high, (struct worker_plan){.code = wake_often, .priority = PRIORITY_WORKER + 1});
    high.view->caps[0] = world.silence;
    high.view->in[0] = SLICE_NS / 8;
    worker_resume(&high);
    for (uint32_t i = 0; i < WORKERS; i++)
        worker_start(&workers[i], (struct worker_plan){.code = role_spin});
    worker_let_run(SLICE_NS / 2);
    CHECK_EQUAL(workers[1].view->out[0], 0); /* the first one keeps its slice, however often it is interrupted */
    worker_let_run(WORKERS * ROUNDS * SLICE_NS);
    uint64_t first_ns = worker_read(workers[0].thread).cpu_time_ns,
             second_ns = worker_read(workers[1].thread).cpu_time_ns;
    if (!CHECK(first_ns < 2 * second_ns && second_ns < 2 * first_ns))
        test_note("%lu us and %lu us", first_ns / 1000, second_ns / 1000);
}

/* caps[0], caps[1] = threads: let the first wait for the end of an equal's slice, suspend it again, and let the slice
 * pass. Then, at out[1], resume the second. */
static void outlive_an_equal(struct worker_view *view) {
    (void)sys_thread_resume(view->caps[0]);
    (void)sys_thread_suspend(view->caps[0], 0);
    for (uint64_t end = world_now() + 2 * SLICE_NS; world_now() < end;)
        continue;
    (void)sys_thread_resume(view->caps[1]);
    view->out[1] = world_now();
    role_spin(view);
}

static void note_time(struct worker_view *view) { view->out[0] = world_now(); }

/* A slice that ran out while no equal was ready is over: the next equal runs at once. */
static void thread_resume_of_an_equal_after_a_turn_that_nobody_ended(void) {
    struct worker running, gone, late;
    worker_make(&gone, (struct worker_plan){.code = role_nothing});
    worker_make(&late, (struct worker_plan){.code = note_time});
    worker_make(&running, (struct worker_plan){.code = outlive_an_equal});
    running.view->caps[0] = gone.thread;
    running.view->caps[1] = late.thread;
    worker_resume(&running);
    worker_let_run(20 * SLICE_NS);
    worker_join(&late);
    CHECK(late.view->out[0] < running.view->out[1] + 2 * SLICE_NS);
}

/* No timer interrupts come for a thread without ready equals. */
static void thread_resume_of_one_needs_no_ticks(void) {
    struct worker worker;
    worker_start(&worker, (struct worker_plan){.code = role_spin});
    worker_let_run(SHORT_NS);
    uint64_t before = sys_system_info(INFO_TIMER_TICKS, 0).value;
    worker_let_run(10 * SLICE_NS);
    CHECK(sys_system_info(INFO_TIMER_TICKS, 0).value - before <= 2); /* for the end of this wait, and of the guard's */
}

/* A thread of higher priority preempts a lower one at the end of its wait. */
static void signal_wait_preempts_the_lower_when_it_ends(void) {
    struct worker spin, sleeper;
    worker_start(&spin, (struct worker_plan){.code = role_spin, .priority = 5});
    uint64_t deadline_ns = world_now() + 2 * SHORT_NS;
    worker_make(&sleeper, (struct worker_plan){.code = role_signal_wait, .priority = 6});
    sleeper.view->caps[0] = world.silence;
    sleeper.view->in[0] = deadline_ns;
    worker_resume(&sleeper);
    worker_join(&sleeper);
    uint64_t late_ns = sleeper.view->out[SIGNAL_ENDED_NS] - deadline_ns;
    if (!CHECK(late_ns < 500000000))
        test_note("%lu us late", late_ns / 1000);
    CHECK(spin.view->out[0] > 0);
}

/* caps[0] = endpoint: calls it in[0] times. */
static void call_many(struct worker_view *view) {
    for (uint64_t i = 0; i < view->in[0]; i++) {
        struct message message = {.info = MESSAGE_INFO(1, 0, 0)};
        if (ep_call(view->caps[0], &message) != OK)
            return;
        view->out[0]++;
    }
}

/*
 * A call runs its server in the caller's slice: a ready equal does not get the CPU in between, and no
 * other thread is switched to.
 */
static void ep_call_switches_to_the_server_and_back(void) {
    enum { CALLS = 200 };
    struct worker client, server, bystander;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct worker_plan plan = {.own_space = true, .own_table = true};
    role_start_wait(&server, plan, role_echo, endpoint);
    CHECK(worker_await(&server, THREAD_IN_WAIT));
    plan.code = call_many;
    worker_make(&client, plan);
    client.view->caps[0] = worker_give(&client, 1, endpoint, RIGHTS_ALL, 0);
    client.view->in[0] = CALLS;
    worker_start(&bystander, (struct worker_plan){.code = role_nothing, .priority = PRIORITY_WORKER - 1});
    worker_resume(&client);
    uint64_t before = sys_system_info(INFO_SWITCHES, 0).value;
    worker_join(&client);
    uint64_t switches = sys_system_info(INFO_SWITCHES, 0).value - before;
    CHECK_EQUAL(client.view->out[0], CALLS);
    CHECK(switches >= 2 * CALLS);
    CHECK(switches <= 2 * CALLS + 8);
}

/* Wait at caps[0] for one call, take a turn, and answer. */
static void take_turn_when_called(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    if (ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge) != OK)
        return;
    take_turn(view);
    view->out[1] = ep_reply(0, &message);
}

/* A call to a server of lower priority does not bypass threads with priorities between: they run first. */
static void ep_call_to_a_lower_server_lets_those_between_run_first(void) {
    struct worker client, server, between;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    turn = 0;
    role_start_wait(&server, (struct worker_plan){.priority = 5}, take_turn_when_called, endpoint);
    CHECK(worker_await(&server, THREAD_IN_WAIT));
    worker_start(&between, (struct worker_plan){.code = take_turn, .priority = 7});
    role_start_call(&client, (struct worker_plan){.priority = 9}, endpoint, MESSAGE_INFO(1, 0, 0));
    worker_join(&client);
    worker_join(&between);
    worker_join(&server);
    CHECK_STATUS(client.view->out[CALL_STATUS], OK);
    CHECK_EQUAL(between.view->out[0], 1);
    CHECK_EQUAL(server.view->out[0], 2);
}

/* Wait at caps[0] for one call, and never answer it. */
static void spin_when_called(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    if (ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge) == OK)
        role_spin(view);
}

/* The slice of a server called by a higher client ends like any other, although no timer ran for the client's slice. */
static void ep_call_to_a_lower_server_leaves_its_equals_their_turn(void) {
    struct worker client, server, equal;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_wait(&server, (struct worker_plan){.priority = 5}, spin_when_called, endpoint);
    CHECK(worker_await(&server, THREAD_IN_WAIT));
    worker_start(&equal, (struct worker_plan){.code = role_spin, .priority = 5});
    role_start_call(&client, (struct worker_plan){.priority = 9}, endpoint, MESSAGE_INFO(1, 0, 0));
    worker_let_run(4 * SLICE_NS);
    CHECK_EQUAL(worker_read(client.thread).run_state, THREAD_IN_CALL);
    CHECK(server.view->out[0] > 0);
    CHECK(equal.view->out[0] > 0);
}

/* Answer each call after in[0] ns. */
static void serve_slowly(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    uint64_t status = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    while (status == OK) {
        uint64_t until_ns = world_now() + view->in[0];
        while (world_now() < until_ns)
            continue;
        message.info = MESSAGE_INFO(0, 0, 0);
        status = ep_reply_wait(view->caps[0], &message, &badge);
    }
}

/* A client's slice that ends while its server works is over: an equal of the client runs as soon as the server is
 * done. */
static void ep_call_does_not_renew_the_turn(void) {
    enum { TURNS = 20 };
    struct worker client, server, equal;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&server, (struct worker_plan){.code = serve_slowly, .priority = PRIORITY_WORKER + 1});
    server.view->caps[0] = endpoint;
    server.view->in[0] = SLICE_NS + SLICE_NS / 2; /* so each of the client's slices ends inside a call */
    worker_resume(&server);
    CHECK(worker_await(&server, THREAD_IN_WAIT));
    worker_make(&client, (struct worker_plan){.code = call_many});
    client.view->caps[0] = endpoint;
    client.view->in[0] = UINT64_MAX;
    worker_resume(&client);
    worker_start(&equal, (struct worker_plan){.code = role_spin});
    worker_let_run(TURNS * SLICE_NS);
    uint64_t calls_ns = worker_read(client.thread).cpu_time_ns, equal_ns = worker_read(equal.thread).cpu_time_ns;
    CHECK(client.view->out[0] >= 2);
    if (!CHECK(equal_ns > TURNS * SLICE_NS / 4))
        test_note("the one who calls %lu us, its equal %lu us", calls_ns / 1000, equal_ns / 1000);
}

/* Without a ready thread the CPU idles, and the timer wakes it. */
static void signal_wait_idles(void) {
    uint64_t own_ns = worker_read(INIT_CAP_THREAD).cpu_time_ns, start_ns = world_now();
    worker_let_run(30 * SHORT_NS);
    uint64_t took_ns = world_now() - start_ns;
    CHECK(took_ns >= 30 * SHORT_NS);
    CHECK(worker_read(INIT_CAP_THREAD).cpu_time_ns - own_ns < took_ns / 2);
}

static void thread_configure_cpu(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = take_turn});
    for (uint64_t cpu = 0; cpu < sys_system_info(INFO_CPUS, 0).value; cpu++) {
        struct thread_config config = {.cpu = cpu};
        CHECK_STATUS(worker_configure(worker.thread, &config, THREAD_CPU), OK);
    }
    worker_resume(&worker);
    worker_join(&worker);
}

/* in[0] = notification. */
static void raise_and_take_turn(struct worker_view *view) {
    (void)sys_signal_raise(view->in[0], 1);
    take_turn(view);
}
static void wait_and_take_turn(struct worker_view *view) {
    (void)sys_signal_wait(view->in[0], DEADLINE_NEVER);
    take_turn(view);
}

static void signal_raise_lets_a_higher_one_run_at_once(void) {
    struct worker higher, lower;
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    turn = 0;
    worker_make(&higher, (struct worker_plan){.code = wait_and_take_turn});
    worker_make(&lower, (struct worker_plan){.code = raise_and_take_turn, .priority = PRIORITY_WORKER - 1});
    higher.view->in[0] = lower.view->in[0] = notification;
    worker_resume(&higher);
    worker_await(&higher, THREAD_IN_SIGNAL);
    worker_resume(&lower);
    worker_join(&higher);
    worker_join(&lower);
    CHECK_EQUAL(higher.view->out[0], 1);
    CHECK_EQUAL(lower.view->out[0], 2);
}

/* in[0] = notification: raise it, then run for ever. */
static void raise_and_spin(struct worker_view *view) {
    (void)sys_signal_raise(view->in[0], 1);
    role_spin(view);
}

/* A thread that wakes an equal by a raise goes on. The woken one waits for the end of a time slice
 * that begins at the raise. */
static void signal_raise_gives_an_equal_its_turn(void) {
    struct worker waiter, raiser;
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    role_start_wait(&waiter, (struct worker_plan){0}, role_signal_wait, notification);
    worker_await(&waiter, THREAD_IN_SIGNAL);
    worker_make(&raiser, (struct worker_plan){.code = raise_and_spin});
    raiser.view->in[0] = notification;
    worker_resume(&raiser);
    worker_let_run(2 * SLICE_NS + SHORT_NS);
    CHECK_STATUS(sys_thread_suspend(raiser.thread, 0), OK);
    CHECK(raiser.view->out[0] > 0);
    CHECK_EQUAL(waiter.view->out[SIGNAL_BITS], 1);
    worker_join(&waiter);
}

SUITE(CASE(signal_raise_lets_a_higher_one_run_at_once), CASE(signal_raise_gives_an_equal_its_turn),
      CASE(thread_configure_priority_decides_who_runs_first), CASE(thread_configure_priority_of_a_ready_thread),
      CASE(thread_configure_priority_starves_the_lower), CASE(thread_resume_of_an_equal_waits_for_its_turn),
      CASE(thread_resume_of_equals_shares_the_cpu), CASE(thread_resume_of_equals_shares_what_a_higher_one_leaves),
      CASE(thread_resume_of_an_equal_after_a_turn_that_nobody_ended), CASE(thread_resume_of_one_needs_no_ticks),
      CASE(signal_wait_preempts_the_lower_when_it_ends), CASE(ep_call_switches_to_the_server_and_back),
      CASE(ep_call_to_a_lower_server_lets_those_between_run_first),
      CASE(ep_call_to_a_lower_server_leaves_its_equals_their_turn), CASE(ep_call_does_not_renew_the_turn),
      CASE(signal_wait_idles), CASE(thread_configure_cpu));
