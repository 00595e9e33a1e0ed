/*
 * thread_suspend with SUSPEND_WITHDRAW: is a message that no server has begun to serve taken back as if it had never
 * been sent, and is any other left to its server?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define LABEL(label) MESSAGE_INFO(label, 0, 0)
#define SOON_NS 3000000ULL

static const struct worker_plan plan = {.own_space = true, .own_table = true};

static struct result withdraw(const struct worker *worker) {
    return sys_thread_suspend(worker->thread, SUSPEND_WITHDRAW);
}

static void check_withdrawn(const struct worker *worker, struct result found, uint64_t outcome) {
    CHECK_STATUS(found.status, OK);
    CHECK_EQUAL(found.value, outcome);
    CHECK_EQUAL(worker_read(worker->thread).run_state, THREAD_STOPPED);
}

static bool nobody_calls(cap_t endpoint) {
    struct message message;
    uint64_t badge;
    return ep_wait(endpoint, world_now() + SOON_NS, &message, &badge) == E_TIMEOUT;
}

static void take(cap_t endpoint) {
    struct message message;
    uint64_t badge;
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
}

static uint64_t reply(cap_t slot, uint64_t info) { return ep_reply(slot, &(struct message){.info = info}); }

static void thread_suspend_refuses_unknown_flags(void) {
    struct worker worker;
    worker_make(&worker, (struct worker_plan){.code = role_nothing});
    CHECK_STATUS(sys_thread_suspend(worker.thread, 4), E_ARG);
    CHECK_STATUS(sys_thread_suspend(worker.thread, 1ULL << 40), E_ARG);
    check_withdrawn(&worker, withdraw(&worker), SUSPEND_STOPPED);
}

/* The thread looks as if it had not made the call yet: with its status, and all registers as before the call. */
static void thread_suspend_takes_back_a_queued_call(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&client, plan, endpoint, LABEL(1));
    CHECK(worker_await(&client, THREAD_IN_CALL));
    CHECK_VALUE(sys_thread_suspend(client.thread, 0), SUSPEND_WAITS);
    check_withdrawn(&client, withdraw(&client), SUSPEND_WITHDRAWN);
    CHECK_EQUAL(worker_read(client.thread).registers.rax, E_CANCEL);
    CHECK(nobody_calls(endpoint));
    check_withdrawn(&client, withdraw(&client), SUSPEND_STOPPED);
    worker_resume(&client);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], E_CANCEL);
}

/* A server that has put its answer off has done nothing yet: its right to answer is gone. */
static void thread_suspend_takes_back_a_call_that_is_put_off(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slot = world_slot();
    role_start_call(&client, plan, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(sys_cap_move(0, slot, 0), OK);
    check_withdrawn(&client, withdraw(&client), SUSPEND_WITHDRAWN);
    CHECK_STATUS(reply(slot, LABEL(5)), E_CAP);
    worker_resume(&client);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], E_CANCEL);
}

static void thread_suspend_leaves_a_call_that_is_served(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&client, plan, endpoint, LABEL(1));
    take(endpoint);
    CHECK_VALUE(withdraw(&client), SUSPEND_WAITS);
    CHECK_EQUAL(worker_read(client.thread).run_state, THREAD_IN_CALL);
    CHECK_STATUS(reply(0, LABEL(5)), OK);
    check_withdrawn(&client, withdraw(&client), SUSPEND_STOPPED);
    worker_let_run(SOON_NS);
    CHECK_EQUAL(client.view->out[CALL_INFO], 0); /* it has its answer, and has not run */
    worker_resume(&client);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], OK);
    CHECK_EQUAL(client.view->out[CALL_INFO], LABEL(5));
}

static void thread_suspend_abandons_a_call_that_is_served(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&client, plan, endpoint, LABEL(1));
    take(endpoint);
    CHECK_VALUE(sys_thread_suspend(client.thread, SUSPEND_ABANDON), SUSPEND_WAITS); /* alone, this flag has no effect */
    check_withdrawn(&client, sys_thread_suspend(client.thread, SUSPEND_WITHDRAW | SUSPEND_ABANDON), SUSPEND_WITHDRAWN);
    CHECK_STATUS(reply(0, LABEL(5)), E_CAP);
    worker_resume(&client);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], E_CANCEL);
}

static void thread_suspend_ends_other_waits(void) {
    struct worker waits, signal;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
    role_start_wait(&waits, plan, role_wait, endpoint);
    role_start_wait(&signal, plan, role_signal_wait, notification);
    CHECK(worker_await(&waits, THREAD_IN_WAIT) && worker_await(&signal, THREAD_IN_SIGNAL));
    check_withdrawn(&waits, withdraw(&waits), SUSPEND_STOPPED);
    check_withdrawn(&signal, withdraw(&signal), SUSPEND_STOPPED);
    CHECK_STATUS(sys_signal_raise(notification, 1), OK);
    worker_resume(&waits);
    worker_resume(&signal);
    worker_join(&waits);
    worker_join(&signal);
    CHECK_STATUS(waits.view->out[WAIT_STATUS], E_CANCEL);
    CHECK_STATUS(signal.view->out[SIGNAL_STATUS], E_CANCEL);
    CHECK_VALUE(sys_signal_poll(notification), 1); /* the bit is still there */
}

/* in[0] = an address. */
static void touch(struct worker_view *view) { view->out[0] = *(volatile uint64_t *)view->in[0]; }
static void trap(struct worker_view *view) {
    __asm__ volatile("int3");
    view->out[0] = 1;
}

/* The fault is not reported until the thread goes on, and then as a new one, with the thread's registers at that
 * time. */
static void thread_suspend_takes_back_a_fault(void) {
    struct worker worker;
    struct message message;
    uint64_t badge;
    cap_t faults = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&worker,
                (struct worker_plan){.code = touch, .own_space = true, .own_table = true, .fault_endpoint = faults});
    worker.view->in[0] = 0x1000;
    worker_resume(&worker);
    CHECK(worker_await(&worker, THREAD_IN_FAULT));
    uaddr_t rip = worker_read(worker.thread).registers.rip;
    check_withdrawn(&worker, withdraw(&worker), SUSPEND_STOPPED);
    CHECK(nobody_calls(faults));
    CHECK_EQUAL(worker_read(worker.thread).registers.rip, rip);
    struct thread_registers elsewhere = worker_entry_state(&worker, touch);
    CHECK_STATUS(worker_write(worker.thread, &elsewhere), OK);
    worker.view->in[0] = 0x2000;
    worker_resume(&worker);
    CHECK_STATUS(ep_wait(faults, world_soon(), &message, &badge), OK);
    CHECK_EQUAL(message.words[1], 0x2000);         /* struct fault_message: address */
    CHECK_VALUE(withdraw(&worker), SUSPEND_WAITS); /* its server is working on it */
    CHECK_STATUS(reply(0, MESSAGE_INFO(FAULT_STOP, 0, 0)), OK);
}

/* A trap is reported after its instruction, so it would be lost, and is not taken back. */
static void thread_suspend_leaves_a_trap(void) {
    struct worker worker;
    cap_t faults = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&worker,
                (struct worker_plan){.code = trap, .own_space = true, .own_table = true, .fault_endpoint = faults});
    worker_resume(&worker);
    CHECK(worker_await(&worker, THREAD_IN_FAULT));
    CHECK_VALUE(withdraw(&worker), SUSPEND_WAITS);
    take(faults);
    CHECK_STATUS(reply(0, MESSAGE_INFO(FAULT_RESUME, 0, 0)), OK);
    check_withdrawn(&worker, withdraw(&worker), SUSPEND_STOPPED);
    CHECK_EQUAL(worker.view->out[0], 0);
}

/* caps[0] = endpoint. Call until in[0] is set: out[0] = calls served, out[1] = calls taken back, out[2]
 * = calls that went wrong. */
static void call_often(struct worker_view *view) {
    for (uint64_t turn = 0; view->in[0] == 0; turn++) {
        __asm__ volatile("pause"); /* where CPUs are emulated in turn, it is the next one's turn */
        struct message message = {.info = MESSAGE_INFO(turn & 0xff, 2, 0), .words = {turn, ~turn}};
        uint64_t status = ep_call(view->caps[0], &message);
        if (status == OK)
            view->out[0]++;
        else
            view->out[status == E_CANCEL ? 1 : 2]++;
        if (status == OK)
            view->out[2] += message.words[0] != turn || message.words[1] != ~turn;
    }
}

/* Whenever the suspension comes, each call is served once and answered, or not served at all. */
static void thread_suspend_takes_back_calls_at_any_time(void) {
    enum { CLIENTS = 3 };
    static struct worker server, clients[CLIENTS];
    uint64_t cpus = sys_system_info(INFO_CPUS, 0).value, served = 0, taken_back = 0;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&server, (struct worker_plan){.code = role_echo, .cpu = 1 % cpus});
    server.view->caps[0] = endpoint;
    worker_resume(&server);
    for (uint64_t i = 0; i < CLIENTS; i++) {
        worker_make(&clients[i], (struct worker_plan){.code = call_often, .cpu = i % cpus});
        clients[i].view->caps[0] = endpoint;
        worker_resume(&clients[i]);
    }
    for (uint64_t i = 0; i < 2 * world_command_number("rounds", 200); i++) {
        struct result found = withdraw(&clients[i % CLIENTS]);
        taken_back += found.value == SUSPEND_WITHDRAWN;
        CHECK_STATUS(sys_thread_resume(clients[i % CLIENTS].thread), OK);
        if (i % 8 == 0)
            worker_let_run(100000);
    }
    for (uint64_t i = 0; i < CLIENTS; i++) {
        clients[i].view->in[0] = 1;
        worker_join(&clients[i]);
        served += clients[i].view->out[0];
        taken_back -= clients[i].view->out[1];
        CHECK_EQUAL(clients[i].view->out[2], 0);
    }
    CHECK(served > 0);
    CHECK_EQUAL(taken_back, 0); /* the kernel's count of calls taken back equals the clients' */
    CHECK_EQUAL(server.view->out[ECHO_COUNT], served);
}

SUITE(CASE(thread_suspend_refuses_unknown_flags), CASE(thread_suspend_takes_back_a_queued_call),
      CASE(thread_suspend_takes_back_a_call_that_is_put_off), CASE(thread_suspend_leaves_a_call_that_is_served),
      CASE(thread_suspend_abandons_a_call_that_is_served), CASE(thread_suspend_ends_other_waits),
      CASE(thread_suspend_takes_back_a_fault), CASE(thread_suspend_leaves_a_trap),
      CASE(thread_suspend_takes_back_calls_at_any_time));
