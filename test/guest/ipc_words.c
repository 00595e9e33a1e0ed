/*
 * Does a message arrive as it was sent, in both directions, at every length?
 */
#include "kernel/abi/system.h"
#include "libsys/program/program.h"
#include "test/guest/lib/random.h"
#include "test/guest/lib/raw.h"
#include "test/guest/lib/roles.h"
#include "test/guest/lib/suite.h"
#include "test/guest/lib/worker.h"
#include "test/guest/lib/world.h"

/* caps[0] = endpoint. Answers each call with its words plus one; ends when the label is 0. */
static void serve_plus_one(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    uint64_t status = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    while (status == OK && message_label(message.info) != 0) {
        view->out[0]++;
        view->out[1] = badge;
        for (uint32_t i = 0; i < MESSAGE_REGISTERS; i++)
            message.words[i]++;
        for (uint32_t i = MESSAGE_REGISTERS; i < message_words(message.info); i++)
            view->message->words[i]++;
        status = ep_reply_wait(view->caps[0], &message, &badge);
    }
    view->out[2] = status;
    message.info = 0;
    view->out[3] = ep_reply(0, &message);
}

static void start_server(struct worker *server, struct worker_plan plan, cap_t endpoint) {
    plan.code = serve_plus_one;
    worker_make(server, plan);
    server->view->caps[0] = worker_give(server, 1, endpoint, RIGHTS_ALL, 0);
    worker_resume(server);
}

static void stop_server(struct worker *server, cap_t endpoint) {
    struct message message = {0};
    CHECK_STATUS(ep_call(endpoint, &message), OK);
    worker_join(server);
    CHECK_STATUS(server->view->out[2], OK);
    CHECK_STATUS(server->view->out[3], OK);
}

static void check_all_lengths(struct worker_plan plan) {
    struct worker server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    start_server(&server, plan, endpoint);
    for (uint32_t words = 0; words <= MESSAGE_WORDS; words++) {
        uint64_t sent[MESSAGE_WORDS];
        struct message message = {.info = MESSAGE_INFO(words + 1, words, 0)};
        for (uint32_t i = 0; i < MESSAGE_WORDS; i++) {
            sent[i] = random_next();
            program.message->words[i] = sent[i];
            if (i < MESSAGE_REGISTERS)
                message.words[i] = sent[i];
        }
        CHECK_STATUS(ep_call(endpoint, &message), OK);
        CHECK_EQUAL(message.info, MESSAGE_INFO(words + 1, words, 0));
        for (uint32_t i = 0; i < words; i++) {
            uint64_t got = i < MESSAGE_REGISTERS ? message.words[i] : program.message->words[i];
            if (!CHECK_EQUAL(got, sent[i] + 1))
                test_note("word %u of %u", i, words);
        }
        for (uint32_t i = words < 4 ? 4 : words; i < MESSAGE_WORDS; i++)
            CHECK_EQUAL(program.message->words[i], sent[i]); /* words that were not sent are untouched */
    }
    CHECK_EQUAL(server.view->out[0], MESSAGE_WORDS + 1);
    stop_server(&server, endpoint);
}

static void ep_call_all_lengths_within_a_space(void) { check_all_lengths((struct worker_plan){0}); }

static void ep_call_all_lengths_between_spaces(void) {
    check_all_lengths((struct worker_plan){.own_space = true, .own_table = true});
}

static void ep_call_words_beyond_those_sent_stay_with_the_sender(void) {
    struct worker server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    start_server(&server, (struct worker_plan){.own_space = true, .own_table = true}, endpoint);
    for (uint32_t i = 0; i < MESSAGE_WORDS; i++) {
        program.message->words[i] = 0x5ec2e7;
        server.message->words[i] = 7;
    }
    struct message message = {.info = MESSAGE_INFO(1, 6, 0)};
    CHECK_STATUS(ep_call(endpoint, &message), OK);
    CHECK_EQUAL(server.message->words[5], 0x5ec2e8);
    for (uint32_t i = 6; i < MESSAGE_WORDS; i++)
        CHECK_EQUAL(server.message->words[i], 7);
    stop_server(&server, endpoint);
}

static void ep_call_badges_tell_the_callers_apart(void) {
    struct worker server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    start_server(&server, (struct worker_plan){0}, endpoint);
    const uint64_t badges[] = {0, 1, 0x8000000000000000, UINT64_MAX};
    for (uint32_t i = 0; i < 4; i++) {
        struct message message = {.info = MESSAGE_INFO(1, 0, 0)};
        CHECK_STATUS(ep_call(world_copy(endpoint, ENDPOINT_CALL, badges[i]), &message), OK);
        CHECK_EQUAL(server.view->out[1], badges[i]);
    }
    stop_server(&server, endpoint);
}

/* ep_call's promises on registers: rdi is zero, rsi and the words are the reply's, rcx and r11 are
 * lost, all others are kept. */
static void ep_call_keeps_all_other_registers(void) {
    struct worker server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    start_server(&server, (struct worker_plan){.own_space = true, .own_table = true}, endpoint);
    for (uint32_t words = 0; words <= MESSAGE_REGISTERS + 2; words++) {
        struct raw_registers r = {.rax = SYS_ep_call, .rdi = endpoint, .rsi = MESSAGE_INFO(9, words, 0)};
        r.rbx = random_next(), r.rbp = random_next(), r.r12 = random_next(), r.r13 = random_next();
        r.r14 = random_next(), r.r15 = random_next();
        r.rdx = random_next(), r.r10 = random_next(), r.r8 = random_next(), r.r9 = random_next();
        struct raw_registers before = r;
        raw_syscall(&r);
        CHECK_STATUS(r.rax, OK);
        CHECK_EQUAL(r.rdi, 0);
        CHECK_EQUAL(r.rsi, before.rsi);
        CHECK_EQUAL(r.rdx, before.rdx + 1);
        CHECK_EQUAL(r.r10, before.r10 + 1);
        CHECK_EQUAL(r.r8, before.r8 + 1);
        CHECK_EQUAL(r.r9, before.r9 + 1);
        CHECK_EQUAL(r.rbx, before.rbx);
        CHECK_EQUAL(r.rbp, before.rbp);
        CHECK_EQUAL(r.r12, before.r12);
        CHECK_EQUAL(r.r13, before.r13);
        CHECK_EQUAL(r.r14, before.r14);
        CHECK_EQUAL(r.r15, before.r15);
    }
    stop_server(&server, endpoint);
}

static void ep_call_waits_for_a_server_that_comes_later(void) {
    struct worker client;
    (void)client;
    struct worker server;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&server, (struct worker_plan){.code = serve_plus_one, .own_space = true, .own_table = true});
    server.view->caps[0] = worker_give(&server, 1, endpoint, ENDPOINT_WAIT, 0);
    worker_resume(&server); /* it has a lower priority, so it does not wait yet when this thread calls */
    struct message message = {.info = MESSAGE_INFO(1, 8, 0), .words = {1, 2, 3, 4}};
    program.message->words[7] = 41;
    CHECK_STATUS(ep_call(endpoint, &message), OK);
    CHECK_EQUAL(message.words[3], 5);
    CHECK_EQUAL(program.message->words[7], 42);
    stop_server(&server, endpoint);
}

static void ep_call_refuses_malformed_info(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    const uint64_t infos[] = {
        MESSAGE_INFO(0, MESSAGE_WORDS + 1, 0),
        MESSAGE_INFO(0, 255, 0),
        MESSAGE_INFO(0, 0, MESSAGE_CAPS + 1),
        MESSAGE_INFO(0, 0, 15),
        1ULL << 12,
        1ULL << 15,
        1ULL << 17,
        1ULL << 31,
    };
    for (uint32_t i = 0; i < sizeof infos / sizeof infos[0]; i++) {
        struct message message = {.info = infos[i]};
        if (!CHECK_STATUS(ep_call(endpoint, &message), E_ARG))
            test_note("info 0x%lx", infos[i]);
    }
}

static void ep_call_refuses_wrong_capabilities(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct message message = {0};
    CHECK_STATUS(ep_call(world_slot(), &message), E_CAP);
    CHECK_STATUS(ep_call(0, &message), E_CAP);
    CHECK_STATUS(ep_call(INIT_TABLE_SLOTS, &message), E_CAP);
    CHECK_STATUS(ep_call(UINT64_MAX, &message), E_CAP);
    CHECK_STATUS(ep_call(INIT_CAP_POOL, &message), E_TYPE);
    CHECK_STATUS(ep_call(world_copy(endpoint, ENDPOINT_WAIT | ENDPOINT_GRANT, 0), &message), E_RIGHTS);
}

static void ep_wait_refuses_wrong_capabilities(void) {
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct message message = {0};
    uint64_t badge;
    CHECK_STATUS(ep_wait(world_slot(), 0, &message, &badge), E_CAP);
    CHECK_STATUS(ep_wait(INIT_CAP_POOL, 0, &message, &badge), E_TYPE);
    CHECK_STATUS(ep_wait(world_copy(endpoint, ENDPOINT_CALL | ENDPOINT_GRANT, 0), 0, &message, &badge), E_RIGHTS);
    CHECK_STATUS(ep_reply_wait(world_slot(), &message, &badge), E_CAP);
    CHECK_STATUS(ep_reply_wait(INIT_CAP_POOL, &message, &badge), E_TYPE);
    CHECK_STATUS(ep_reply_wait(world_copy(endpoint, ENDPOINT_CALL, 0), &message, &badge), E_RIGHTS);
}

static void ep_reply_refuses_what_is_no_reply(void) {
    struct message message = {0};
    CHECK_STATUS(ep_reply(0, &message), E_CAP); /* no call is being served */
    CHECK_STATUS(ep_reply(world_slot(), &message), E_CAP);
    CHECK_STATUS(ep_reply(INIT_CAP_POOL, &message), E_TYPE);
    CHECK_STATUS(ep_reply(UINT64_MAX, &message), E_CAP);
}

/* caps[0] = endpoint; in[0] = info. Calls once; out: status, info. */
static void call_once(struct worker_view *view) {
    struct message message = {.info = view->in[0], .words = {10, 11, 12, 13}};
    view->out[0] = ep_call(view->caps[0], &message);
    view->out[1] = message.info;
}

static void ep_reply_refuses_malformed_info_and_can_be_tried_again(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    worker_make(&client, (struct worker_plan){.code = call_once});
    client.view->caps[0] = endpoint;
    worker_resume(&client);
    struct message message;
    uint64_t badge;
    CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
    message.info = MESSAGE_INFO(0, MESSAGE_WORDS + 1, 0);
    CHECK_STATUS(ep_reply(0, &message), E_ARG);
    CHECK_STATUS(ep_reply_wait(endpoint, &message, &badge), E_ARG);
    message.info = 1ULL << 20;
    CHECK_STATUS(ep_reply(0, &message), E_ARG);
    message.info = MESSAGE_INFO(77, 0, 0);
    CHECK_STATUS(ep_reply(0, &message), OK);
    CHECK_STATUS(ep_reply(0, &message), E_CAP);
    worker_join(&client);
    CHECK_STATUS(client.view->out[0], OK);
    CHECK_EQUAL(client.view->out[1], MESSAGE_INFO(77, 0, 0));
}

/* A thread without a message page can send short messages and no long ones. */
static void ep_call_without_a_message_page(void) {
    struct worker client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    const uint64_t infos[] = {MESSAGE_INFO(1, 4, 0), MESSAGE_INFO(1, 5, 0), MESSAGE_INFO(1, 0, 1), MESSAGE_DEADLINE};
    for (uint32_t i = 0; i < 4; i++) {
        worker_make(&client, (struct worker_plan){.code = call_once});
        client.view->caps[0] = endpoint;
        client.view->in[0] = infos[i];
        struct thread_config config = {0};
        CHECK_STATUS(worker_configure(client.thread, &config, THREAD_MESSAGE_PAGE), OK);
        worker_resume(&client);
        if (i == 0) {
            struct message message;
            uint64_t badge;
            CHECK_STATUS(ep_wait(endpoint, world_soon(), &message, &badge), OK);
            CHECK_EQUAL(message.words[3], 13);
            message.info = MESSAGE_INFO(0, 5, 0); /* too long for this client */
            CHECK_STATUS(ep_reply(0, &message), E_RECEIVE);
            message.info = 0;
            CHECK_STATUS(ep_reply(0, &message), OK);
        }
        worker_join(&client);
        CHECK_STATUS(client.view->out[0], i == 0 ? OK : E_STATE);
    }
}

/* caps[0] = endpoint. out[0], out[1]: the long answer and the short one to the same call. */
static void answer_long_then_short(struct worker_view *view) {
    struct message message;
    uint64_t badge;
    view->out[2] = ep_wait(view->caps[0], DEADLINE_NEVER, &message, &badge);
    message.info = MESSAGE_INFO(9, MESSAGE_REGISTERS + 1, 0);
    view->out[0] = ep_reply(0, &message);
    message.info = MESSAGE_INFO(9, MESSAGE_REGISTERS, 0);
    view->out[1] = ep_reply(0, &message);
}

static void ep_reply_without_a_message_page(void) {
    struct worker server, client;
    cap_t endpoint = world_create(OBJECT_ENDPOINT, 0);
    struct thread_config config = {0};
    worker_make(&server, (struct worker_plan){.code = answer_long_then_short});
    server.view->caps[0] = endpoint;
    CHECK_STATUS(worker_configure(server.thread, &config, THREAD_MESSAGE_PAGE), OK);
    worker_resume(&server);
    role_start_call(&client, (struct worker_plan){0}, endpoint, MESSAGE_INFO(1, 1, 0));
    worker_join(&client);
    worker_join(&server);
    CHECK_STATUS(server.view->out[2], OK);
    CHECK_STATUS(server.view->out[0], E_STATE);
    CHECK_STATUS(server.view->out[1], OK);
    CHECK_EQUAL(client.view->out[CALL_INFO], MESSAGE_INFO(9, MESSAGE_REGISTERS, 0));
}

SUITE(CASE(ep_call_all_lengths_within_a_space), CASE(ep_call_all_lengths_between_spaces),
      CASE(ep_call_words_beyond_those_sent_stay_with_the_sender), CASE(ep_call_badges_tell_the_callers_apart),
      CASE(ep_call_keeps_all_other_registers), CASE(ep_call_waits_for_a_server_that_comes_later),
      CASE(ep_call_refuses_malformed_info), CASE(ep_call_refuses_wrong_capabilities),
      CASE(ep_wait_refuses_wrong_capabilities), CASE(ep_reply_refuses_what_is_no_reply),
      CASE(ep_reply_refuses_malformed_info_and_can_be_tried_again), CASE(ep_call_without_a_message_page),
      CASE(ep_reply_without_a_message_page));
