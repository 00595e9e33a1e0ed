#include "libsys/wire/server.h"

#include "libsys/program/program.h"
#include "libsys/text/string.h"
#include "libsys/wire/transfer.h"

static bool moved; /* the running handler has moved the right to answer into a slot */

uint32_t server_init(struct server *server, cap_t endpoint, const struct protocol *protocol) {
    *server = (struct server){.endpoint = endpoint, .protocol = protocol, .lacks_slots = true};
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
        server->receive[i] = slot_take();
        if (server->receive[i] == 0)
            return E_LIMIT;
    }
    for (uint32_t i = 0; i < protocol->operation_count; i++) {
        const struct protocol_operation *operation = &protocol->operations[i];
        struct server_short infos = {protocol_short_info(&operation->request, i),
                                     protocol_short_info(&operation->reply, OK)};
        if (infos.reply == PROTOCOL_NOT_SHORT || i == 0) /* 0 is the counter, which has no handler */
            infos.request = PROTOCOL_NOT_SHORT;
        server->short_calls[i] = infos;
    }
    return OK;
}

/*
 * Replace the receive slots whose capabilities handlers have kept. If no slot is left, it is 0, and no capability can
 * be received there.
 */
static void refill_slots(struct server *server) {
    server->lacks_slots = false;
    for (uint32_t i = 0; i < MESSAGE_CAPS; i++) {
        if (server->receive[i] == 0)
            server->receive[i] = slot_take();
        server->lacks_slots |= server->receive[i] == 0;
        program.message->receive_caps[i] = server->receive[i];
    }
}

uint32_t server_next_long(struct server *server, struct server_event *ret_event) {
    if (server->lacks_slots)
        refill_slots(server);
    struct message message = server->answer;
    uint64_t badge = 0;
    uint64_t status = E_CANCEL;
    if (server->answer_waits) {
        status = ep_reply_wait(server->endpoint, &message, &badge);
        if (status != OK) {
            (void)sys_cap_delete(0, 0); /* a client that can't take its answer must not hold up the others */
            status = E_CANCEL;
        }
        server->answer_waits = false;
    }
    while (status == E_CANCEL || status == E_BUSY) {
        if (status == E_BUSY)
            (void)sys_cap_delete(0, 0); /* an unanswered message, such as a fault sent here by mistake */
        status = ep_wait(server->endpoint, DEADLINE_NEVER, &message, &badge);
    }
    if (status != OK)
        return (uint32_t)status;
    *ret_event = (struct server_event){message_kind(message.info), badge, message};
    return OK;
}

uint32_t server_next_after_failure(struct server *server, struct server_event *ret_event) {
    (void)sys_cap_delete(0, 0); /* for the same reason as in server_next_long() */
    return server_next_long(server, ret_event);
}

bool server_flush(struct server *server) {
    bool waits = server->answer_waits;
    server->answer_waits = false;
    return !waits || ep_reply(0, &server->answer) == OK;
}

/* Put an answer into *ret_message and the message page. */
static inline void build_answer(const struct protocol_operation *operation, const void *reply,
                                struct message *ret_message) {
    uint32_t bytes = protocol_bytes(&operation->reply, reply);
    ret_message->info = MESSAGE_INFO(OK, message_words_of(bytes), operation->reply.cap_count);
    message_put(ret_message, reply, bytes);
}

/* Put a failing status into *ret_message and the message page. reason: may be NULL. */
static void build_failure(uint32_t status, const char *reason, struct message *ret_message) {
    if (reason != NULL && reason[0] != '\0') {
        size_t bytes = strnlen(reason, PROTOCOL_REASON_MAX - 1) + 1;
        ret_message->info = MESSAGE_INFO(status, message_words_of(bytes), 0);
        message_put(ret_message, reason, bytes);
    } else {
        *ret_message = (struct message){.info = MESSAGE_INFO(status, 0, 0)}; /* clears words of an earlier answer */
    }
}

static uint32_t serve_counter(const struct server *server, const struct server_counter_request *request,
                              struct server_counter_reply *reply) {
    if (request->number >= server->protocol->operation_count)
        return P_END;
    *reply = (struct server_counter_reply){.count = server->counts[request->number]};
    const char *name = server->protocol->operations[request->number].name;
    memcpy(reply->name, name, strnlen(name, sizeof reply->name - 1));
    return OK;
}

/* Check the request and run its handler. */
static uint32_t run_handler(struct server *server, struct server_call *call, uint32_t word_count, uint32_t cap_count) {
    const void *request = server->request_words;
    if (call->operation >= server->protocol->operation_count)
        return P_OPERATION;
    server->counts[call->operation]++;
    const struct protocol_operation *operation = &server->protocol->operations[call->operation];
    if (!protocol_fits(&operation->request, word_count, cap_count, request))
        return P_MESSAGE;
    for (uint32_t i = 0; i < operation->reply.cap_count; i++)
        call->reply_caps[i] = 0;
    if (call->operation == 0)
        return serve_counter(server, request, (void *)server->reply_words);
    return server->protocol->dispatch(call, request, server->reply_words);
}

/* Delete received capabilities that no handler kept. Where one was kept, the next wait needs a fresh slot. */
static void settle_received(struct server *server, struct server_call *call, uint32_t count) {
    for (uint32_t i = 0; i < count && i < MESSAGE_CAPS; i++) {
        if (call->caps[i] != 0) {
            (void)sys_cap_delete(0, call->caps[i]); /* can't fail: the slot is in our own table */
        } else {
            server->receive[i] = 0;
            server->lacks_slots = true;
        }
    }
}

/* Answer now, with capabilities, and clear the slots from which they were sent. */
static void answer_with_caps(struct server *server, const struct server_call *call, uint32_t cap_count) {
    for (uint32_t i = 0; i < cap_count; i++)
        program.message->send_caps[i] = call->reply_caps[i];
    uint64_t status;
    do
        status = ep_reply(0, &server->answer);
    while (status == E_BUSY); /* each try does a part of the kernel's pending work on the capability */
    if (status != OK) {
        /* The client has no slots for them. Tell it; the right to answer is still here. */
        server->answer = (struct message){.info = MESSAGE_INFO(status, 0, 0)};
        if (ep_reply(0, &server->answer) != OK)
            (void)sys_cap_delete(0, 0); /* the client is gone */
    }
    for (uint32_t i = 0; i < cap_count; i++) {
        (void)sys_cap_delete(0, call->reply_caps[i]);
        slot_free(call->reply_caps[i]);
    }
}

void server_answer_failure(struct server *server, uint32_t status) {
    bool kept = moved;
    moved = false;
    if (status != SERVER_DEFERRED) {
        build_failure(status, server->call.reason, &server->answer);
        server->answer_waits = true;
    } else if (!kept) {
        (void)sys_cap_delete(0, 0); /* the handler gives up the answer; usually the Reply is gone already */
    }
}

void server_serve_long(struct server *server, const struct server_event *event) {
    struct server_call *call = &server->call;
    call->badge = event->badge;
    call->operation = message_label(event->message.info);
    call->reason[0] = '\0';
    uint32_t word_count = message_get(&event->message, server->request_words);
    uint32_t cap_count = message_caps(event->message.info);
    for (uint32_t i = 0; i < cap_count && i < MESSAGE_CAPS; i++)
        call->caps[i] = server->receive[i];
    uint32_t status = run_handler(server, call, word_count, cap_count);
    if (cap_count > 0)
        settle_received(server, call, cap_count);
    if (status != OK) {
        server_answer_failure(server, status);
        return;
    }
    const struct protocol_operation *operation = &server->protocol->operations[call->operation];
    build_answer(operation, server->reply_words, &server->answer);
    if (operation->reply.cap_count > 0)
        answer_with_caps(server, call, operation->reply.cap_count);
    else
        server->answer_waits = true;
}

cap_t server_defer(void) {
    cap_t slot = slot_take();
    if (slot == 0)
        return 0;
    moved = sys_cap_move(0, slot, 0).status == OK;
    if (moved)
        return slot;
    slot_free(slot);
    return 0;
}

bool server_answer(struct server *server, cap_t slot, uint32_t number, uint32_t status, const void *reply) {
    struct message answer;
    if (status == OK)
        build_answer(&server->protocol->operations[number], reply, &answer);
    else
        build_failure(status, NULL, &answer);
    bool delivered = ep_reply(slot, &answer) == OK;
    if (!delivered)
        (void)sys_cap_delete(0, slot); /* the caller is gone; the slot may hold the remains of its call */
    slot_free(slot);
    return delivered;
}

bool server_client_waits(cap_t slot) {
    if (sys_cap_query(slot).status == OK)
        return true;
    slot_free(slot); /* emptied by the kernel */
    return false;
}

void server_forget(cap_t slot) {
    (void)sys_cap_delete(0, slot); /* an empty slot means that the caller is gone already */
    slot_free(slot);
}

uint32_t server_counter(cap_t server, const struct server_counter_request *request,
                        struct server_counter_reply *reply) {
    static const struct protocol_operation operation = {"counter", {8, 8, 0}, {sizeof *reply, sizeof *reply, 0}};
    return protocol_call(server, 0, &operation, request, reply, NULL);
}
