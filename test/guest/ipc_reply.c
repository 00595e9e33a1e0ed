/*
 * Does every call end exactly once, with the right outcome, whatever happens to caller, server, reply and endpoint?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define LABEL(label) MESSAGE_INFO(label, 0, 0)
#define SOON_NS 3000000ULL /* a deadline that passes while the case waits for it */

static const struct worker_plan here = {0};
static const struct worker_plan elsewhere = {.own_space = true, .own_table = true};

/* Take a call as its server; it is then the current reply. */
static uint64_t take(cap_t endpoint) {
    struct message message;
    uint64_t badge;
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    return message_label(message.info);
}

static uint64_t reply(cap_t slot, uint64_t info) {
    struct message message = {.info = info};
    return ep_reply(slot, &message);
}

static void check_call(struct worker *client, uint64_t status, uint64_t info) {
    worker_join(client);
    CHECK_STATUS(client->view->out[CALL_STATUS], status);
    if (status == OK)
        CHECK_EQUAL(client->view->out[CALL_INFO], info);
}

static void ep_reply_answers_deferred_calls_in_any_order(void) {
    enum { CLIENTS = 4 };
    struct worker clients[CLIENTS];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slots = world_slots(CLIENTS);
    for (uint32_t i = 0; i < CLIENTS; i++)
        role_start_call(&clients[i], i % 2 == 0 ? here : elsewhere, endpoint, LABEL(100 + i));
    for (uint32_t i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(take(endpoint), 100 + i);
        CHECK_STATUS(sys_cap_move(0, slots + i, 0), OK);
    }
    for (uint32_t i = CLIENTS; i-- > 0;) {
        CHECK_STATUS(reply(slots + i, LABEL(200 + i)), OK);
        CHECK_STATUS(reply(slots + i, 0), E_CAP); /* once */
        check_call(&clients[i], OK, LABEL(200 + i));
    }
}

static void ep_wait_refuses_while_a_reply_is_owed(void) {
    struct worker client;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slot = world_slot();
    role_start_call(&client, here, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_BUSY);
    CHECK_STATUS(sys_cap_move(0, slot, 0), OK);
    CHECK_STATUS(sys_cap_move(0, world_slot(), 0), E_CAP); /* it is gone */
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_TIMEOUT);
    CHECK_STATUS(reply(slot, LABEL(2)), OK);
    check_call(&client, OK, LABEL(2));
}

static void cap_delete_of_a_reply_tells_the_caller(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slot = world_slot();
    for (uint32_t i = 0; i < 2; i++) {
        role_start_call(&client, elsewhere, endpoint, LABEL(1));
        take(endpoint);
        if (i == 1)
            CHECK_STATUS(sys_cap_move(0, slot, 0), OK);
        CHECK_STATUS(sys_cap_delete(0, i == 1 ? slot : 0), OK);
        CHECK_STATUS(reply(i == 1 ? slot : 0, 0), E_CAP);
        check_call(&client, E_PEER, 0);
    }
}

static void cap_copy_refuses_a_reply(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slot = world_slot();
    role_start_call(&client, here, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), 0, RIGHTS_ALL, 0), E_CAP);
    CHECK_STATUS(sys_cap_move(0, slot, 0), OK);
    CHECK_STATUS(sys_cap_copy(0, world_slot(), slot, RIGHTS_ALL, 0), E_TYPE);
    CHECK_STATUS(sys_cap_revoke(slot), OK); /* nothing was derived from it */
    CHECK_STATUS(reply(slot, LABEL(3)), OK);
    check_call(&client, OK, LABEL(3));
}

/* in[0] = slot of a reply. */
static void answer_from_table(struct worker_view *view) {
    struct message message = {.info = LABEL(55)};
    view->out[0] = ep_reply(view->in[0], &message);
}

static void cap_move_lets_another_answer(void) {
    struct worker client, helper;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&client, elsewhere, endpoint, LABEL(1));
    take(endpoint);
    struct worker_plan plan = elsewhere;
    plan.code = answer_from_table;
    worker_make(&helper, plan);
    helper.view->in[0] = 7;
    CHECK_STATUS(sys_cap_move(helper.table, 7, 0), OK);
    worker_resume(&helper);
    check_call(&client, OK, LABEL(55));
    worker_join(&helper);
    CHECK_STATUS(helper.view->out[0], OK);
}

/* caps[0] = the endpoint it serves, caps[1] = the one it calls itself. Adds 1 to the label in each direction. */
static void relay(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    view->out[0] = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    if (view->caps[1] != 0) {
        message.info += LABEL(1);
        view->out[1] = ep_call(view->caps[1], &message);
    }
    message.info += LABEL(1);
    view->out[2] = ep_reply(0, &message);
}

static void ep_call_nests(void) {
    enum { DEPTH = 6 };
    struct worker relays[DEPTH];
    cap_t endpoints[DEPTH];
    for (uint32_t i = 0; i < DEPTH; i++)
        endpoints[i] = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < DEPTH; i++) {
        struct worker_plan plan = elsewhere;
        plan.code = relay;
        worker_make(&relays[i], plan);
        relays[i].view->caps[0] = worker_give(&relays[i], 1, endpoints[i], ENDPOINT_WAIT, 0);
        relays[i].view->caps[1] = i + 1 < DEPTH ? worker_give(&relays[i], 2, endpoints[i + 1], ENDPOINT_CALL, 0) : 0;
        worker_resume(&relays[i]);
    }
    struct message message = {.info = LABEL(1000)};
    CHECK_STATUS(ep_call(endpoints[0], &message), OK);
    CHECK_EQUAL(message.info, LABEL(1000 + 2 * DEPTH - 1));
    for (uint32_t i = 0; i < DEPTH; i++) {
        worker_join(&relays[i]);
        CHECK_STATUS(relays[i].view->out[2], OK);
    }
}

/* ---- deaths ---- */

/* The server's thread dies while it owes the answer. */
static void ep_call_ends_when_the_server_dies(void) {
    for (uint32_t i = 0; i < 2; i++) {
        struct worker client, server;
        cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
        role_start_wait(&server, i == 0 ? here : elsewhere, role_wait, endpoint);
        worker_await(&server, THREAD_IN_WAIT);
        role_start_call(&client, i == 0 ? elsewhere : here, endpoint, LABEL(1));
        worker_join(&server);
        CHECK_EQUAL(worker_read(client.thread).run_state, THREAD_IN_CALL);
        CHECK_STATUS(sys_cap_delete(0, server.thread), OK);
        check_call(&client, E_PEER, 0);
    }
}

/* A server dies before it took the message: another one takes it. */
static void ep_call_outlives_a_server_that_only_waited(void) {
    struct worker client, server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_wait(&server, elsewhere, role_wait, endpoint);
    worker_await(&server, THREAD_IN_WAIT);
    CHECK_STATUS(sys_cap_delete(0, server.thread), OK);
    role_start_call(&client, elsewhere, endpoint, LABEL(8));
    CHECK_EQUAL(take(endpoint), 8);
    CHECK_STATUS(reply(0, LABEL(9)), OK);
    check_call(&client, OK, LABEL(9));
}

/* A deferred reply lives in a table: it outlives the server's thread, and dies with the table. */
static void ep_call_ends_when_the_table_with_its_reply_dies(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), table = world_create(OBJECT_TABLE, 16);
    role_start_call(&client, elsewhere, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(sys_cap_move(table, 3, 0), OK);
    CHECK_EQUAL(worker_read(client.thread).run_state, THREAD_IN_CALL);
    CHECK_STATUS(sys_cap_delete(0, table), OK);
    check_call(&client, E_PEER, 0);
}

static void ep_reply_finds_nothing_when_the_caller_died(void) {
    struct worker client;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slot = world_slot();
    role_start_call(&client, elsewhere, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(sys_cap_delete(0, client.thread), OK);
    CHECK_STATUS(reply(0, 0), E_CAP);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_TIMEOUT); /* no reply is owed */
    role_start_call(&client, elsewhere, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(sys_cap_move(0, slot, 0), OK);
    CHECK_STATUS(sys_cap_delete(0, client.thread), OK);
    CHECK_STATUS(reply(slot, 0), E_CAP);
}

/* caps[0] = endpoint. Serves with ep_reply_wait while its caller dies. */
static void ep_reply_wait_goes_on_when_the_caller_died(void) {
    struct worker client, server, second;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_wait(&server, elsewhere, role_echo, endpoint);
    worker_await(&server, THREAD_IN_WAIT);
    CHECK_STATUS(sys_thread_suspend(server.thread, 0), OK); /* it has taken the message, and had no time to answer */
    role_start_call(&client, elsewhere, endpoint, LABEL(1));
    worker_await(&client, THREAD_IN_CALL);
    CHECK_EQUAL(worker_read(server.thread).run_state, THREAD_STOPPED);
    CHECK_STATUS(sys_cap_delete(0, client.thread), OK);
    worker_resume(&server);
    role_start_call(&second, elsewhere, endpoint, LABEL(2));
    check_call(&second, OK, LABEL(2));
    CHECK_EQUAL(server.view->out[ECHO_COUNT], 2);
}

static void ep_wait_sees_nothing_of_a_caller_that_died_in_the_queue(void) {
    struct worker clients[3];
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < 3; i++)
        role_start_call(&clients[i], elsewhere, endpoint, LABEL(i));
    worker_await(&clients[2], THREAD_IN_CALL);
    CHECK_STATUS(sys_cap_delete(0, clients[1].thread), OK);
    CHECK_EQUAL(take(endpoint), 0);
    CHECK_STATUS(reply(0, 0), OK);
    CHECK_EQUAL(take(endpoint), 2);
    CHECK_STATUS(reply(0, 0), OK);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_TIMEOUT);
}

static void cap_delete_of_an_endpoint_ends_all_that_wait_there(void) {
    enum { THREADS = 5 };
    for (uint32_t receivers = 0; receivers < 2; receivers++) {
        struct worker workers[THREADS];
        cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
        for (uint32_t i = 0; i < THREADS; i++) {
            if (receivers == 1)
                role_start_wait(&workers[i], here, role_wait, endpoint);
            else
                role_start_call(&workers[i], here, endpoint, LABEL(i));
        }
        worker_await(&workers[THREADS - 1], receivers == 1 ? THREAD_IN_WAIT : THREAD_IN_CALL);
        CHECK_STATUS(sys_cap_revoke(endpoint), OK); /* revokes the workers' copies; their waits go on */
        CHECK_EQUAL(worker_read(workers[0].thread).run_state, receivers == 1 ? THREAD_IN_WAIT : THREAD_IN_CALL);
        CHECK_STATUS(sys_cap_delete(0, endpoint), OK);
        for (uint32_t i = 0; i < THREADS; i++) {
            worker_join(&workers[i]);
            CHECK_STATUS(workers[i].view->out[0], E_PEER);
        }
    }
}

/* A call that a server has taken no longer needs the endpoint. */
static void ep_reply_works_without_the_endpoint(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&client, elsewhere, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(sys_cap_revoke(endpoint), OK);
    CHECK_STATUS(sys_cap_delete(0, endpoint), OK);
    CHECK_STATUS(reply(0, LABEL(4)), OK);
    check_call(&client, OK, LABEL(4));
}

/* ---- suspension ---- */

static void thread_suspend_of_a_caller_takes_effect_after_the_answer(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call(&client, elsewhere, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(sys_thread_suspend(client.thread, 0), OK);
    CHECK_EQUAL(worker_read(client.thread).run_state, THREAD_IN_CALL);
    CHECK_STATUS(reply(0, LABEL(6)), OK);
    CHECK_EQUAL(worker_read(client.thread).run_state, THREAD_STOPPED);
    worker_let_run(SOON_NS);
    CHECK_EQUAL(client.view->out[CALL_INFO], 0); /* it has not run yet */
    worker_resume(&client);
    check_call(&client, OK, LABEL(6));
}

SUITE(CASE(ep_reply_answers_deferred_calls_in_any_order), CASE(ep_wait_refuses_while_a_reply_is_owed),
      CASE(cap_delete_of_a_reply_tells_the_caller), CASE(cap_copy_refuses_a_reply), CASE(cap_move_lets_another_answer),
      CASE(ep_call_nests), CASE(ep_call_ends_when_the_server_dies), CASE(ep_call_outlives_a_server_that_only_waited),
      CASE(ep_call_ends_when_the_table_with_its_reply_dies), CASE(ep_reply_finds_nothing_when_the_caller_died),
      CASE(ep_reply_wait_goes_on_when_the_caller_died), CASE(ep_wait_sees_nothing_of_a_caller_that_died_in_the_queue),
      CASE(cap_delete_of_an_endpoint_ends_all_that_wait_there), CASE(ep_reply_works_without_the_endpoint),
      CASE(thread_suspend_of_a_caller_takes_effect_after_the_answer));
