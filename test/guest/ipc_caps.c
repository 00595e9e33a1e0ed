/*
 * Do the capabilities in a message arrive all or none, with their rights and badges?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define CAPS_INFO(count) MESSAGE_INFO(1, 0, count)
#define BADGE 0x30U

/* Whether a slot is empty: an empty slot can't be copied. */
static bool is_empty(cap_t slot) {
    cap_t other = world_slot();
    uint64_t status = sys_cap_copy(0, other, slot, 0, 0).status;
    (void)sys_cap_delete(0, other);
    return status == E_CAP;
}

static uint64_t capabilities(void) { return sys_system_info(INFO_CAPABILITIES, 0).value; }

/* Offer four empty slots for received capabilities. Returns the first. */
static cap_t offer_slots(void) {
    cap_t first = world_slots(MESSAGE_CAPS);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        program.message->receive_caps[i] = first + i;
    return first;
}

/* Start a client in its own space and table that sends, once, `count` capabilities for `notification`. */
static void start_sender(struct worker *client, cap_t endpoint, cap_t notification, uint32_t count) {
    worker_make(client, (struct worker_plan){.code = role_call, .own_space = true, .own_table = true});
    client->view->caps[0] = worker_give(client, 1, endpoint, RIGHTS_ALL, 0);
    client->view->in[0] = CAPS_INFO(count);
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++)
        client->message->send_caps[i] = worker_give(client, 10 + i, notification, NOTIFICATION_RAISE, BADGE);
    worker_resume(client);
}

static uint64_t take(cap_t endpoint, struct message *message) {
    uint64_t badge;
    return ep_wait(endpoint, world_soon(), message, &badge);
}

static void answer(uint64_t info) {
    struct message message = {.info = info};
    CHECK_STATUS(ep_reply(0, &message), OK);
}

static void check_delivery(bool sender_comes_first) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
    for (uint32_t count = 0; count <= MESSAGE_CAPS; count++) {
        struct worker client;
        struct message message;
        cap_t slots = offer_slots();
        start_sender(&client, endpoint, notification, count);
        if (sender_comes_first)
            worker_await(&client, THREAD_IN_CALL);
        CHECK_STATUS(take(endpoint, &message), OK);
        CHECK_EQUAL(message_caps(message.info), count);
        for (uint32_t i = 0; i < count; i++) { /* rights and badge came along */
            CHECK_STATUS(sys_signal_raise(slots + i, 0x10), OK);
            CHECK_VALUE(sys_signal_poll(notification), 0x10);
            CHECK_STATUS(sys_signal_raise(slots + i, 1), E_RIGHTS);
            CHECK_STATUS(sys_signal_poll(slots + i), E_RIGHTS);
        }
        for (uint32_t i = count; i < MESSAGE_CAPS; i++)
            CHECK(is_empty(slots + i));
        answer(0);
        worker_join(&client);
        CHECK_STATUS(client.view->out[CALL_STATUS], OK);
    }
}

static void ep_call_delivers_caps_to_a_waiting_server(void) { check_delivery(false); }
static void ep_call_delivers_caps_from_the_queue(void) { check_delivery(true); }

static void ep_reply_delivers_caps(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
    for (uint32_t count = 0; count <= MESSAGE_CAPS; count++) {
        struct worker client;
        struct message message;
        worker_make(&client, (struct worker_plan){.code = role_call, .own_space = true, .own_table = true});
        client.view->caps[0] = worker_give(&client, 1, endpoint, ENDPOINT_CALL, 0);
        for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
            client.message->receive_caps[i] = 20 + i;
            program.message->send_caps[i] = world_copy(notification, NOTIFICATION_RAISE, i + 1);
        }
        worker_resume(&client);
        CHECK_STATUS(take(endpoint, &message), OK);
        answer(CAPS_INFO(count));
        worker_join(&client);
        CHECK_STATUS(client.view->out[CALL_STATUS], OK);
        CHECK_EQUAL(client.view->out[CALL_INFO], CAPS_INFO(count));
        for (uint32_t i = 0; i < MESSAGE_CAPS; i++) /* occupied exactly if a capability arrived */
            CHECK_STATUS(sys_cap_copy(client.table, 20 + i, notification, 0, 0), i < count ? E_EXISTS : OK);
    }
}

/* A capability received by message is a child of the sender's. */
static void cap_revoke_takes_back_what_was_sent(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
    struct worker client;
    struct message message;
    cap_t slots = offer_slots();
    start_sender(&client, endpoint, notification, 2);
    CHECK_STATUS(take(endpoint, &message), OK);
    CHECK_STATUS(sys_cap_revoke(notification), OK);
    CHECK(is_empty(slots));
    CHECK(is_empty(slots + 1));
    answer(0);
    worker_join(&client);
}

static void ep_call_needs_grant_for_caps(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct message message = {.info = CAPS_INFO(1)};
    program.message->send_caps[0] = endpoint;
    CHECK_STATUS(ep_call(world_copy(endpoint, ENDPOINT_CALL | ENDPOINT_WAIT, 0), &message), E_RIGHTS);
}

/* When a sender is refused, nothing of its message arrives, and the server goes on waiting. */
static void check_refused(struct worker *client, cap_t endpoint, bool sender_comes_first, uint64_t status) {
    struct message message;
    worker_resume(client);
    if (sender_comes_first)
        worker_await(client, THREAD_IN_CALL);
    uint64_t before = capabilities(), badge;
    CHECK_STATUS(ep_wait(endpoint, world_now() + 2000000, &message, &badge), E_TIMEOUT);
    worker_join(client);
    CHECK_STATUS(client->view->out[CALL_STATUS], status);
    CHECK_EQUAL(capabilities(), before);
}

static void make_sender(struct worker *client, cap_t endpoint, cap_t sent) {
    worker_make(client, (struct worker_plan){.code = role_call, .own_table = true});
    client->view->caps[0] = worker_give(client, 1, endpoint, RIGHTS_ALL, 0);
    client->view->in[0] = CAPS_INFO(2);
    client->message->send_caps[0] = worker_give(client, 10, sent, RIGHTS_ALL, 0);
    client->message->send_caps[1] = worker_give(client, 11, sent, RIGHTS_ALL, 0);
}

static void ep_call_refuses_an_empty_slot_to_send(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    const cap_t wrong[] = {12, 0, WORKER_TABLE_SLOTS, UINT64_MAX};
    for (uint32_t i = 0; i < 8; i++) {
        struct worker client;
        offer_slots();
        make_sender(&client, endpoint, endpoint);
        client.message->send_caps[1] = wrong[i / 2];
        check_refused(&client, endpoint, i % 2 == 1, E_CAP);
    }
}

/* caps[0] = endpoint. Take a call, and try to send on the right to answer it. */
static void send_a_reply(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    view->out[10] = ep_wait(view->caps[1], DEADLINE_NEVER, &message, &badge);
    view->out[11] = sys_cap_move(0, 12, 0).status;
    view->message->send_caps[1] = 12;
    role_call(view);
}

static void ep_call_refuses_to_send_a_reply(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), other = world_create(OBJECT_ENDPOINT, 0);
    struct worker client, caller;
    offer_slots();
    worker_make(&client, (struct worker_plan){.code = send_a_reply, .own_table = true});
    client.view->caps[0] = worker_give(&client, 1, endpoint, RIGHTS_ALL, 0);
    client.view->caps[1] = worker_give(&client, 2, other, RIGHTS_ALL, 0);
    client.view->in[0] = CAPS_INFO(2);
    client.message->send_caps[0] = 1;
    role_start_call(&caller, (struct worker_plan){0}, other, 0);
    worker_await(&caller, THREAD_IN_CALL);
    worker_resume(&client);
    struct message message;
    uint64_t badge;
    CHECK_STATUS(ep_wait(endpoint, world_now() + 2000000, &message, &badge), E_TIMEOUT);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], E_TYPE);
    CHECK_STATUS(client.view->out[10], OK);
    CHECK_STATUS(client.view->out[11], OK);
    CHECK_EQUAL(worker_read(caller.thread).run_state, THREAD_IN_CALL);
}

static void ep_call_refuses_when_the_receiver_has_no_free_slot(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    const cap_t wrong[] = {0, endpoint, INIT_TABLE_SLOTS, UINT64_MAX};
    for (uint32_t i = 0; i < 10; i++) {
        struct worker client;
        cap_t slots = offer_slots();
        program.message->receive_caps[1] = i / 2 < 4 ? wrong[i / 2] : slots; /* the last row names one slot twice */
        make_sender(&client, endpoint, endpoint);
        check_refused(&client, endpoint, i % 2 == 1, E_RECEIVE);
        CHECK(is_empty(slots));
    }
}

/* The server's reply is refused, and it may answer otherwise. */
static void ep_reply_refuses_when_the_client_has_no_free_slot(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct worker client;
    struct message message;
    role_start_call(&client, (struct worker_plan){.own_table = true}, endpoint, 0);
    CHECK_STATUS(take(endpoint, &message), OK);
    program.message->send_caps[0] = endpoint;
    message.info = CAPS_INFO(1);
    CHECK_STATUS(ep_reply(0, &message), E_RECEIVE);
    program.message->send_caps[0] = world_slot();
    client.message->receive_caps[0] = 9;
    CHECK_STATUS(ep_reply(0, &message), E_CAP);
    answer(MESSAGE_INFO(5, 0, 0));
    worker_join(&client);
    CHECK_EQUAL(client.view->out[CALL_INFO], MESSAGE_INFO(5, 0, 0));
}

/* After a run of undeliverable messages the server's wait ends, so that the kernel's work stays bounded. */
static void ep_wait_gives_up_after_many_bad_messages(void) {
    enum { CLIENTS = 12 };
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    static struct worker clients[CLIENTS];
    struct message message;
    uint64_t badge, status = E_CANCEL;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        make_sender(&clients[i], endpoint, endpoint);
        worker_resume(&clients[i]);
    }
    worker_await(&clients[CLIENTS - 1], THREAD_IN_CALL);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_CANCEL);
    while (status == E_CANCEL)
        status = ep_wait(endpoint, world_now() + 1000000, &message, &badge);
    CHECK_STATUS(status, E_TIMEOUT);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        worker_join(&clients[i]);
        CHECK_STATUS(clients[i].view->out[CALL_STATUS], E_RECEIVE);
    }
}

/* A server may send capabilities it has, but not the right to answer another caller. */
static void ep_reply_refuses_to_send_a_reply(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), kept = world_slot();
    struct worker first, second;
    struct message message;
    role_start_call(&first, (struct worker_plan){0}, endpoint, 0);
    CHECK_STATUS(take(endpoint, &message), OK);
    CHECK_STATUS(sys_cap_move(0, kept, 0), OK);
    role_start_call(&second, (struct worker_plan){.own_table = true}, endpoint, 0);
    CHECK_STATUS(take(endpoint, &message), OK);
    second.message->receive_caps[0] = 9;
    program.message->send_caps[0] = kept;
    message.info = CAPS_INFO(1);
    CHECK_STATUS(ep_reply(0, &message), E_TYPE);
    /* and can still be answered, like the other one */
    CHECK_EQUAL(worker_read(second.thread).run_state, THREAD_IN_CALL);
    answer(0);
    worker_join(&second);
    CHECK_STATUS(second.view->out[CALL_STATUS], OK);
    message.info = 0;
    CHECK_STATUS(ep_reply(kept, &message), OK);
    worker_join(&first);
    CHECK_STATUS(first.view->out[CALL_STATUS], OK);
}

/* ---- lists with depths to correct ---- */

/* Send caps[1] to caps[0] until the status is not E_BUSY: out[0] = failed tries, out[1] = the last status. */
static void send_until_done(struct worker_view *view) {
    struct message message = {.info = CAPS_INFO(1)};
    view->message->send_caps[0] = view->caps[1];
    view->out[1] = ep_call(view->caps[0], &message);
    while (view->out[1] == E_BUSY) {
        view->out[0]++;
        message.info = CAPS_INFO(1);
        view->out[1] = ep_call(view->caps[0], &message);
    }
}

/* Each try brings the correction closer to its end. Before that nothing arrives, afterwards everything. */
static void ep_call_is_tried_again_while_depths_are_corrected(void) {
    for (uint32_t queued = 0; queued < 2; queued++) {
        cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
        cap_t slots = offer_slots();
        struct worker client;
        struct message message;
        worker_make(&client, (struct worker_plan){.code = send_until_done});
        client.view->caps[0] = endpoint;
        if (queued == 0)
            client.view->caps[1] = world_orphans(notification);
        else
            client.view->caps[1] = world_copy(notification, RIGHTS_ALL, 0);
        worker_resume(&client);
        if (queued == 1) { /* the parent of the sent capability is deleted while the sender waits in the queue */
            CHECK(worker_await(&client, THREAD_IN_CALL));
            CHECK_STATUS(sys_cap_delete(0, client.view->caps[1]), OK);
            CHECK_STATUS(sys_cap_move(0, client.view->caps[1], world_orphans(notification)), OK);
        }
        uint64_t before = capabilities();
        CHECK_STATUS(take(endpoint, &message), OK);
        CHECK_EQUAL(capabilities(), before + 1); /* the sent one */
        CHECK_STATUS(sys_signal_raise(slots, 4), OK);
        CHECK_VALUE(sys_signal_poll(notification), 4);
        answer(0);
        worker_join(&client);
        CHECK_STATUS(client.view->out[1], OK);
        CHECK(client.view->out[0] > 1 && client.view->out[0] < WORLD_ORPHANS);
    }
}

static void ep_reply_is_tried_again_while_depths_are_corrected(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
    struct worker client;
    struct message message;
    uint64_t status = E_BUSY, tries = 0;
    role_start_call(&client, (struct worker_plan){.own_table = true}, endpoint, 0);
    CHECK_STATUS(take(endpoint, &message), OK);
    client.message->receive_caps[0] = 9;
    program.message->send_caps[0] = world_orphans(notification);
    message.info = CAPS_INFO(1);
    for (; status == E_BUSY && tries < WORLD_ORPHANS; tries++)
        status = ep_reply(0, &message);
    CHECK_STATUS(status, OK);
    CHECK(tries > 2 && tries < WORLD_ORPHANS);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], OK);
    CHECK_STATUS(sys_cap_copy(client.table, 9, notification, RIGHTS_ALL, 0), E_EXISTS);
}

/* A client's message page is taken away while its message waits: the client is told, not the server. */
static void ep_call_ends_when_the_message_page_is_lost_in_the_queue(void) {
    const uint64_t infos[] = {MESSAGE_INFO(0, MESSAGE_REGISTERS + 1, 0), CAPS_INFO(1)};
    for (uint32_t i = 0; i < 4; i++) {
        cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
        struct worker client;
        struct message message;
        uint64_t badge;
        offer_slots();
        role_start_call(&client, (struct worker_plan){0}, endpoint, infos[i % 2]);
        CHECK(worker_await(&client, THREAD_IN_CALL));
        struct thread_config config = {0};
        if (i < 2)
            CHECK_STATUS(worker_configure(client.thread, &config, THREAD_MESSAGE_PAGE), OK);
        else
            CHECK_STATUS(sys_cap_revoke(client.window), OK);
        CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_TIMEOUT);
        worker_join(&client);
        CHECK_STATUS(client.view->out[CALL_STATUS], E_STATE);
    }
}

SUITE(CASE(ep_call_delivers_caps_to_a_waiting_server), CASE(ep_call_delivers_caps_from_the_queue),
      CASE(ep_reply_delivers_caps), CASE(cap_revoke_takes_back_what_was_sent), CASE(ep_call_needs_grant_for_caps),
      CASE(ep_call_refuses_an_empty_slot_to_send), CASE(ep_call_refuses_to_send_a_reply),
      CASE(ep_call_refuses_when_the_receiver_has_no_free_slot), CASE(ep_reply_refuses_when_the_client_has_no_free_slot),
      CASE(ep_wait_gives_up_after_many_bad_messages), CASE(ep_reply_refuses_to_send_a_reply),
      CASE(ep_call_is_tried_again_while_depths_are_corrected), CASE(ep_reply_is_tried_again_while_depths_are_corrected),
      CASE(ep_call_ends_when_the_message_page_is_lost_in_the_queue));
