/*
 * Which client is served first, how long does a call wait, and what does a bound notification do to a wait?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/world.h"

#define LABEL(label) MESSAGE_INFO(label, 0, 0)
#define SHORT_NS 3000000ULL
#define LATE_NS 500000000ULL /* a deadline that came this late counts as missed, however busy the host is */

static const struct worker_plan elsewhere = {.own_space = true, .own_table = true};

static uint64_t take(cap_t endpoint) {
    struct message message;
    uint64_t badge;
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    return message_label(message.info);
}

static uint64_t reply(uint64_t info) {
    struct message message = {.info = info};
    return ep_reply(0, &message);
}

static void ep_wait_takes_the_highest_priority_first(void) {
    enum { CLIENTS = 6 };
    static const uint64_t priorities[CLIENTS] = {10, 14, 12, 14, 10, 20};
    static const uint64_t order[CLIENTS] = {5, 1, 3, 2, 0, 4}; /* among equals first come, first served */
    struct worker clients[CLIENTS];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct worker_plan plan = elsewhere;
        plan.priority = priorities[i];
        role_start_call(&clients[i], plan, endpoint, LABEL(i));
        worker_await(&clients[i], THREAD_IN_CALL);
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        CHECK_EQUAL(take(endpoint), order[i]);
        CHECK_STATUS(reply(0), OK);
    }
}

static void ep_call_goes_to_the_highest_waiting_server(void) {
    enum { SERVERS = 4 };
    static const uint64_t priorities[SERVERS] = {10, 14, 14, 12};
    static const uint64_t order[SERVERS] = {2, 1, 3, 0}; /* among equals the last to come is first */
    struct worker servers[SERVERS], clients[SERVERS];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < SERVERS; i++) {
        role_start_wait(&servers[i], (struct worker_plan){.priority = priorities[i]}, role_wait, endpoint);
        worker_await(&servers[i], THREAD_IN_WAIT);
    }
    for (uint32_t i = 0; i < SERVERS; i++) {
        role_start_call(&clients[i], elsewhere, endpoint, LABEL(100 + i));
        worker_join(&servers[order[i]]);
        CHECK_EQUAL(message_label(servers[order[i]].view->out[WAIT_INFO]), 100 + i);
    }
}

/*
 * A pool of servers, by turns busy and waiting, of different priorities: each call goes to the first waiting one, in
 * the same order by the fast path and the long way. A server that is stopped while it waits is left out.
 */
static void ep_call_finds_the_first_of_a_pool_of_servers(void) {
    enum { SERVERS = 5, CALLS = 40 };
    static const uint64_t priorities[SERVERS] = {20, 20, 20, 12, 20};
    struct worker servers[SERVERS];
    uint64_t counts[SERVERS] = {0};
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < SERVERS; i++) {
        struct worker_plan plan = elsewhere;
        plan.priority = priorities[i];
        role_start_wait(&servers[i], plan, role_echo, endpoint);
        worker_await(&servers[i], THREAD_IN_WAIT);
    }
    for (uint32_t i = 0; i < CALLS; i++) {
        struct message message = {.info = LABEL(i)};
        CHECK_STATUS(ep_call(endpoint, &message), OK);
        CHECK_EQUAL(message.info, LABEL(i));
        uint32_t first = i < 10 ? 4 : i < 20 ? 2 : i < 30 ? 1 : 0; /* it waits again at once, so it stays the first */
        counts[first]++;
        for (uint32_t server = 0; server < SERVERS; server++)
            CHECK_EQUAL(servers[server].view->out[ECHO_COUNT], counts[server]);
        if (i % 10 == 9 && first != 0)
            CHECK_STATUS(sys_cap_delete(0, servers[first].thread), OK);
    }
    CHECK_STATUS(sys_cap_delete(0, servers[0].thread), OK);
    struct message last = {.info = LABEL(CALLS)};
    CHECK_STATUS(ep_call(endpoint, &last), OK);
    CHECK_EQUAL(servers[3].view->out[ECHO_COUNT], 1);
}

/* Two servers share the work: no call is lost, none is answered twice. */
static void ep_reply_wait_of_two_servers_at_one_endpoint(void) {
    enum { CALLS = 50 };
    struct worker servers[2];
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < 2; i++)
        role_start_wait(&servers[i], elsewhere, role_echo, endpoint);
    for (uint32_t i = 0; i < CALLS; i++) {
        struct message message = {.info = LABEL(i)};
        CHECK_STATUS(ep_call(endpoint, &message), OK);
        CHECK_EQUAL(message.info, LABEL(i));
    }
    CHECK_EQUAL(servers[0].view->out[ECHO_COUNT] + servers[1].view->out[ECHO_COUNT], CALLS);
}

/* caps[0] = endpoint. Take the queued messages, with one ep_reply_wait each; out[0] = how many, out[1..] = labels. */
static void take_all(struct worker_view *view) {
    struct message message = {0};
    uint64_t badge;
    while (ep_reply_wait(view->caps[0], &message, &badge) == OK) { /* the first one has no caller to reply to */
        view->out[1 + view->out[0]++] = message_label(message.info);
        message.info = LABEL(7);
    }
}

static void ep_reply_wait_answers_and_takes_the_next(void) {
    enum { CLIENTS = 5 };
    struct worker clients[CLIENTS], server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        role_start_call(&clients[i], elsewhere, endpoint, LABEL(i));
        worker_await(&clients[i], THREAD_IN_CALL);
    }
    role_start_wait(&server, elsewhere, take_all, endpoint);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        worker_join(&clients[i]);
        CHECK_EQUAL(clients[i].view->out[CALL_INFO], LABEL(7));
        CHECK_EQUAL(server.view->out[1 + i], i);
    }
    CHECK_EQUAL(server.view->out[0], CLIENTS);
}

/* ---- deadlines ---- */

static void ep_wait_without_waiting(void) {
    struct worker client;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_TIMEOUT);
    CHECK_STATUS(ep_wait(endpoint, world_now() - 1, &message, &badge), E_TIMEOUT);
    role_start_call(&client, elsewhere, endpoint, LABEL(3));
    worker_await(&client, THREAD_IN_CALL);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), OK); /* a queued message comes, whatever the deadline */
    CHECK_STATUS(reply(0), OK);
}

static void check_came_at(uint64_t deadline_ns, uint64_t ended_ns) {
    CHECK(ended_ns >= deadline_ns);
    if (!CHECK(ended_ns < deadline_ns + LATE_NS))
        test_note("%lu us late", (ended_ns - deadline_ns) / 1000);
}

static void ep_wait_ends_at_its_deadline(void) {
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t deadline_ns = world_now() + i * SHORT_NS / 2;
        CHECK_STATUS(ep_wait(endpoint, deadline_ns, &message, &badge), E_TIMEOUT);
        check_came_at(deadline_ns, world_now());
    }
}

static void ep_call_ends_at_its_deadline_in_the_queue(void) {
    struct worker client;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    uint64_t deadline_ns = world_now() + SHORT_NS;
    role_start_call_until(&client, elsewhere, endpoint, deadline_ns);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], E_TIMEOUT);
    check_came_at(deadline_ns, client.view->out[CALL_ENDED_NS]);
    CHECK_STATUS(ep_wait(endpoint, 0, &message, &badge), E_TIMEOUT); /* its message is gone */
}

/* The server has taken the message and is slow: its reply reaches nobody. */
static void ep_call_ends_at_its_deadline_while_served(void) {
    for (uint32_t deferred = 0; deferred < 2; deferred++) {
        struct worker client;
        cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), slot = world_slot();
        uint64_t deadline_ns = world_now() + 2 * SHORT_NS;
        role_start_call_until(&client, elsewhere, endpoint, deadline_ns);
        take(endpoint);
        if (deferred == 1)
            CHECK_STATUS(sys_cap_move(0, slot, 0), OK);
        worker_let_run(4 * SHORT_NS);
        struct message message = {0};
        CHECK_STATUS(ep_reply(deferred == 1 ? slot : 0, &message), E_CAP);
        worker_join(&client);
        CHECK_STATUS(client.view->out[CALL_STATUS], E_TIMEOUT);
        check_came_at(deadline_ns, client.view->out[CALL_ENDED_NS]);
    }
}

static void ep_call_deadline_that_is_not_reached_does_nothing(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call_until(&client, elsewhere, endpoint, world_now() + 20 * SHORT_NS);
    take(endpoint);
    CHECK_STATUS(reply(LABEL(2)), OK);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], OK);
    CHECK_EQUAL(client.view->out[CALL_INFO], LABEL(2)); /* the deadline's flag is not part of the message */
}

static void ep_call_with_a_past_deadline_ends_at_once(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_call_until(&client, elsewhere, endpoint, 1);
    worker_join(&client);
    CHECK_STATUS(client.view->out[CALL_STATUS], E_TIMEOUT);
}

static void ep_wait_does_not_see_the_deadline_flag(void) {
    struct worker client;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < 2; i++) {
        role_start_call_until(&client, elsewhere, endpoint, world_soon());
        if (i == 1)
            worker_await(&client, THREAD_IN_CALL);
        CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
        CHECK_EQUAL(message.info, 0);
        CHECK_STATUS(reply(0), OK);
    }
}

/* ---- priorities ---- */

#define TURN_NS 10000000ULL /* a time slice; docs/priorities.md has these figures */
#define AT_ONCE_NS 200000ULL

/* The time of a call by a thread of priority 20 to a server of priority 5, while a third thread computes.
 * UINT64_MAX: more than 10 slices. */
static uint64_t time_of_call(uint64_t third_priority) {
    struct worker server, client, third;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    role_start_wait(&server, (struct worker_plan){.priority = 5}, role_echo, endpoint);
    worker_await(&server, THREAD_IN_WAIT);
    worker_start(&third, (struct worker_plan){.code = role_spin, .priority = third_priority});
    worker_let_run(SHORT_NS);
    role_start_call(&client, (struct worker_plan){.priority = 20}, endpoint, LABEL(1));
    uint64_t start_ns = world_now();
    worker_let_run(10 * TURN_NS);
    uint64_t ended_ns = client.view->out[CALL_ENDED_NS];
    CHECK_STATUS(sys_thread_suspend(third.thread, 0), OK);
    worker_join(&client); /* at the latest when the third thread has stopped */
    CHECK_STATUS(client.view->out[CALL_STATUS], OK);
    CHECK_STATUS(sys_cap_delete(0, server.thread), OK);
    CHECK_STATUS(sys_cap_delete(0, third.thread), OK);
    return ended_ns == 0 ? UINT64_MAX : ended_ns - start_ns;
}

/* Priority inversion: the server's priority decides, not the caller's. */
static void ep_call_waits_for_all_above_its_server(void) {
    uint64_t below = time_of_call(4), equal = time_of_call(5), above = time_of_call(10);
    CHECK(below < AT_ONCE_NS);
    CHECK(equal < TURN_NS + AT_ONCE_NS);
    CHECK(above == UINT64_MAX);
    test_note("a call while another thread computes: below the server %lu ns, at its priority %lu ns", below, equal);
}

/* ---- bound notifications ---- */

static cap_t bind_notification(cap_t thread, uint64_t status) {
    cap_t notification = world_create(OBJECT_NOTIFICATION, 0);
    struct thread_config config = {.notification = notification};
    CHECK_STATUS(worker_configure(thread, &config, THREAD_NOTIFICATION), status);
    return notification;
}

static void unbind_notification(void) {
    struct thread_config config = {0};
    CHECK_STATUS(worker_configure(INIT_CAP_THREAD, &config, THREAD_NOTIFICATION), OK);
}

#define NOTIFICATION_INFO (MESSAGE_INFO(0, 1, 0) | (uint64_t)MESSAGE_NOTIFICATION << 12)

static void ep_wait_takes_bits_that_are_raised_before_messages(void) {
    struct worker client;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = bind_notification(INIT_CAP_THREAD, OK);
    role_start_call(&client, elsewhere, endpoint, LABEL(3));
    worker_await(&client, THREAD_IN_CALL);
    CHECK_STATUS(sys_signal_raise(notification, 5), OK);
    CHECK_STATUS(sys_signal_raise(notification, 8), OK);
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    CHECK_EQUAL(message.info, NOTIFICATION_INFO);
    CHECK_EQUAL(message.words[0], 13);
    CHECK_EQUAL(badge, 0);
    CHECK_STATUS(reply(0), E_CAP); /* there is nothing to reply to */
    CHECK_EQUAL(take(endpoint), 3);
    CHECK_STATUS(reply(0), OK);
    unbind_notification();
}

static void ep_wait_is_ended_by_its_notification(void) {
    struct worker server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    for (uint32_t i = 0; i < 2; i++) {
        role_start_wait(&server, elsewhere, role_wait, endpoint);
        cap_t notification = bind_notification(server.thread, OK);
        worker_await(&server, THREAD_IN_WAIT);
        if (i == 0)
            CHECK_STATUS(sys_signal_raise(notification, 0x40), OK);
        else
            CHECK_STATUS(sys_signal_timer(notification, 0x40, world_now() + SHORT_NS), OK);
        worker_join(&server);
        CHECK_STATUS(server.view->out[WAIT_STATUS], OK);
        CHECK_EQUAL(server.view->out[WAIT_INFO], NOTIFICATION_INFO);
        CHECK_EQUAL(server.view->out[WAIT_WORD_0], 0x40);
        CHECK_STATUS(sys_signal_poll(notification), E_EMPTY); /* taken */
    }
}

/* Bits that come while a bound thread is busy stay, for its next wait or for a poll. */
static void ep_reply_wait_takes_bits_after_its_reply(void) {
    struct worker client;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = bind_notification(INIT_CAP_THREAD, OK);
    role_start_call(&client, elsewhere, endpoint, LABEL(1));
    take(endpoint);
    CHECK_STATUS(sys_signal_raise(notification, 2), OK);
    message.info = LABEL(9);
    CHECK_STATUS(ep_reply_wait(endpoint, &message, &badge), OK);
    CHECK_EQUAL(message.info, NOTIFICATION_INFO);
    CHECK_EQUAL(message.words[0], 2);
    worker_join(&client);
    CHECK_EQUAL(client.view->out[CALL_INFO], LABEL(9));
    unbind_notification();
}

static void thread_configure_notification_binds_one_thread_only(void) {
    struct worker server;
    worker_make(&server, (struct worker_plan){.code = role_nothing});
    cap_t notification = bind_notification(server.thread, OK);
    struct thread_config config = {.notification = notification};
    CHECK_STATUS(worker_configure(INIT_CAP_THREAD, &config, THREAD_NOTIFICATION), E_BUSY);
    CHECK_STATUS(worker_configure(server.thread, &config, THREAD_NOTIFICATION), OK); /* bind it again */
    CHECK_STATUS(sys_cap_delete(0, server.thread), OK);
    CHECK_STATUS(worker_configure(INIT_CAP_THREAD, &config, THREAD_NOTIFICATION), OK);
    unbind_notification();
}

/* A waiting thread gets the bits that a notification had before it was bound. */
static void thread_configure_notification_gives_bits_that_were_raised_before(void) {
    struct worker server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), notification = world_create(OBJECT_NOTIFICATION, 0);
    struct thread_config config = {.notification = notification};
    role_start_wait(&server, elsewhere, role_wait, endpoint);
    worker_await(&server, THREAD_IN_WAIT);
    CHECK_STATUS(worker_configure(server.thread, &config, THREAD_NOTIFICATION), OK);
    CHECK_EQUAL(worker_read(server.thread).run_state, THREAD_IN_WAIT); /* no bits yet */
    config.notification = 0;
    CHECK_STATUS(worker_configure(server.thread, &config, THREAD_NOTIFICATION), OK);
    CHECK_STATUS(sys_signal_raise(notification, 0x40), OK);
    config.notification = notification;
    CHECK_STATUS(worker_configure(server.thread, &config, THREAD_NOTIFICATION), OK);
    worker_join(&server);
    CHECK_STATUS(server.view->out[WAIT_STATUS], OK);
    CHECK_EQUAL(server.view->out[WAIT_INFO], NOTIFICATION_INFO);
    CHECK_EQUAL(server.view->out[WAIT_WORD_0], 0x40);
    CHECK_STATUS(sys_signal_poll(notification), E_EMPTY);
}

/* ---- queued messages whose capability goes ---- */

/* The fate of the capability that a caller has called through, in slot `there` of its table `table`. */
enum fate {
    FATE_REVOKED,
    FATE_DELETED,
    FATE_MOVED,
    FATE_RENAMED,
    FATE_OF_OTHER_ENDPOINT,
    FATE_WITHOUT_RIGHT,
    FATE_WITHOUT_GRANT,
    FATES
};

static void meet_fate(enum fate fate, cap_t endpoint, cap_t seven, cap_t table, cap_t there) {
    if (fate == FATE_REVOKED)
        CHECK_STATUS(sys_cap_revoke(seven), OK);
    else
        CHECK_STATUS(sys_cap_delete(table, there), OK);
    CHECK_STATUS(sys_cap_delete(0, seven), OK);
    if (fate == FATE_MOVED)
        CHECK_STATUS(sys_cap_copy(table, there + 1, endpoint, ENDPOINT_CALL, 7), OK);
    if (fate == FATE_RENAMED)
        CHECK_STATUS(sys_cap_copy(table, there, endpoint, ENDPOINT_CALL, 8), OK);
    if (fate == FATE_OF_OTHER_ENDPOINT)
        CHECK_STATUS(sys_cap_copy(table, there, world_create(OBJECT_ENDPOINT, 0), ENDPOINT_CALL, 7), OK);
    if (fate == FATE_WITHOUT_RIGHT)
        CHECK_STATUS(sys_cap_copy(table, there, endpoint, ENDPOINT_WAIT, 7), OK);
    if (fate == FATE_WITHOUT_GRANT)
        CHECK_STATUS(sys_cap_copy(table, there, endpoint, ENDPOINT_CALL, 7), OK);
}

/* No call is delivered with a badge that its sender lost meanwhile: such a call ends, and the next one is delivered. */
static void ep_call_ends_when_its_capability_goes_in_the_queue(void) {
    for (enum fate fate = 0; fate < FATES; fate++) {
        struct worker old, new;
        struct message message;
        uint64_t badge;
        cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), seven = world_copy(endpoint, RIGHTS_ALL, 7);
        role_start_call(&old, elsewhere, seven, MESSAGE_INFO(1, 0, fate == FATE_WITHOUT_GRANT));
        old.message->send_caps[0] = old.view->caps[0];
        worker_await(&old, THREAD_IN_CALL);
        meet_fate(fate, endpoint, seven, old.table, old.view->caps[0]);
        cap_t again = world_copy(endpoint, RIGHTS_ALL, 7);
        role_start_call(&new, elsewhere, again, LABEL(2));
        worker_await(&new, THREAD_IN_CALL);
        if (fate == FATE_RENAMED) { /* it has a capability, but another one: delivered as if it called now */
            CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
            CHECK_EQUAL(badge, 8);
            CHECK_EQUAL(message_label(message.info), 1);
            CHECK_STATUS(reply(0), OK);
        }
        CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
        CHECK_EQUAL(badge, 7);
        CHECK_EQUAL(message_label(message.info), 2);
        CHECK_STATUS(reply(0), OK);
        worker_join(&old);
        worker_join(&new);
        CHECK_STATUS(old.view->out[CALL_STATUS], fate == FATE_RENAMED ? OK : E_CAP);
        CHECK_STATUS(new.view->out[CALL_STATUS], OK);
    }
}

static void fault_with_a_brk(struct worker_view *view) {
    __asm__ volatile("int3");
    view->out[0] = 1;
}

/* A queued fault, too, ends with its capability: its thread stays stopped, like any thread whose
 * fault can't be delivered. */
static void ep_wait_gets_no_fault_of_a_revoked_endpoint(void) {
    struct worker old, new;
    struct message message;
    uint64_t badge;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0), seven = world_copy(endpoint, RIGHTS_ALL, 7);
    worker_start(&old, (struct worker_plan){.code = fault_with_a_brk, .fault_endpoint = seven});
    worker_await(&old, THREAD_IN_FAULT);
    CHECK_STATUS(sys_cap_revoke(seven), OK);
    CHECK_STATUS(sys_cap_delete(0, seven), OK);
    role_start_call(&new, elsewhere, world_copy(endpoint, RIGHTS_ALL, 7), LABEL(2));
    worker_await(&new, THREAD_IN_CALL);
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    CHECK_EQUAL(message_kind(message.info), MESSAGE_CALL);
    CHECK_EQUAL(message_label(message.info), 2);
    CHECK_STATUS(reply(0), OK);
    worker_join(&new);
    CHECK_EQUAL(worker_read(old.thread).run_state, THREAD_STOPPED);
    CHECK_EQUAL(old.view->out[0], 0);
    worker_resume(&old); /* it is past the breakpoint; nobody is told of its end either */
    worker_await(&old, THREAD_STOPPED);
    CHECK_EQUAL(old.view->out[0], 1);
}

SUITE(CASE(ep_wait_takes_the_highest_priority_first), CASE(ep_call_goes_to_the_highest_waiting_server),
      CASE(ep_call_finds_the_first_of_a_pool_of_servers), CASE(ep_reply_wait_of_two_servers_at_one_endpoint),
      CASE(ep_reply_wait_answers_and_takes_the_next), CASE(ep_wait_without_waiting), CASE(ep_wait_ends_at_its_deadline),
      CASE(ep_call_ends_at_its_deadline_in_the_queue), CASE(ep_call_ends_at_its_deadline_while_served),
      CASE(ep_call_deadline_that_is_not_reached_does_nothing), CASE(ep_call_with_a_past_deadline_ends_at_once),
      CASE(ep_wait_does_not_see_the_deadline_flag), CASE(ep_wait_takes_bits_that_are_raised_before_messages),
      CASE(ep_wait_is_ended_by_its_notification), CASE(ep_reply_wait_takes_bits_after_its_reply),
      CASE(thread_configure_notification_binds_one_thread_only), CASE(ep_call_waits_for_all_above_its_server),
      CASE(thread_configure_notification_gives_bits_that_were_raised_before),
      CASE(ep_call_ends_when_its_capability_goes_in_the_queue), CASE(ep_wait_gets_no_fault_of_a_revoked_endpoint));
