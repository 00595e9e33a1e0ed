/*
 * A server's loop: wait, check, dispatch, answer. docs/servers.md shows a whole server.
 *
 *     PROTOCOL_SERVER(name, NAME_OPERATIONS)     prototypes of the handlers, and `name_protocol`
 *
 *     static uint32_t name_serve_verb(struct server_call *call, const struct name_verb_request *request,
 *                                     struct name_verb_reply *reply);
 *
 * A handler runs only for a request of the right shape (protocol_fits). It returns a status, P_... or E_...; *reply and
 * reply_caps travel only with OK. It may defer the answer: see server_defer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/wire/message.h"
#include "libsys/wire/protocol.h"

#define SERVER_OPERATIONS_MAX 64U
#define SERVER_DEFERRED UINT32_MAX /* a handler returns it to answer later (server_defer) or never */

struct server_call {
    uint64_t badge;
    uint32_t operation;
    cap_t caps[MESSAGE_CAPS];         /* received; a handler that keeps one writes 0 there; the others are deleted */
    cap_t reply_caps[MESSAGE_CAPS];   /* to send, in slots from slot_take; emptied and freed after the answer */
    char reason[PROTOCOL_REASON_MAX]; /* for a failure: the reason in words; may stay empty */
};

struct protocol {
    const char *name;
    const struct protocol_operation *operations; /* [0] is every server's counter operation */
    uint32_t operation_count;
    uint32_t (*dispatch)(struct server_call *call, const void *request, void *reply);
};

/* A message that came to the server's endpoint. */
struct server_event {
    uint32_t kind; /* enum message_kind */
    uint64_t badge;
    struct message message; /* MESSAGE_NOTIFICATION: words[0] = bits */
};

struct server {
    cap_t endpoint;
    const struct protocol *protocol;
    cap_t receive[MESSAGE_CAPS];            /* empty slots for capabilities that come with calls */
    uint64_t counts[SERVER_OPERATIONS_MAX]; /* calls taken, by operation */
    struct server_short {
        uint64_t request, reply;          /* info words, see protocol_short_info */
    } short_calls[SERVER_OPERATIONS_MAX]; /* by operation */
    bool answer_waits;                    /* `answer` goes out with the next wait */
    bool lacks_slots;                     /* `receive` has gaps, or the message page does not list it yet */
    struct message answer;
    struct server_call call;               /* the call that is being served */
    uint64_t request_words[MESSAGE_WORDS]; /* ... and its request */
    uint64_t reply_words[MESSAGE_WORDS];
};

/* Set up a server. Errors: E_LIMIT no slot is free. */
MUST_USE uint32_t server_init(struct server *server, cap_t endpoint, const struct protocol *protocol);

/*
 * Send the pending answer, if there is one, and wait for the next message.
 * Errors: those of ep_wait; they mean that the server can't go on.
 */
MUST_USE static inline uint32_t server_next(struct server *server, struct server_event *ret_event);

/* Send the pending answer now, if there is one. False: the caller can't take it, and still waits. */
bool server_flush(struct server *server);

/* Check, dispatch and answer an event of kind MESSAGE_CALL. */
static inline void server_serve(struct server *server, const struct server_event *event);

/*
 * Called in a handler: keep the right to answer this call. Returns the slot that now holds the right, for
 * server_answer; 0: no slot is free. The handler then returns SERVER_DEFERRED.
 * The answer is the commit: perform the request only when server_answer has reported that the answer was taken. A
 * caller that was interrupted before repeats its call, and must find everything as if it had never made it.
 */
MUST_USE cap_t server_defer(void);

/*
 * Answer a deferred call. *reply is a `struct name_verb_reply` of operation `number` if the status is OK. The slot is
 * free afterwards. Returns whether the caller got the answer: then perform its request. A caller that is gone is no
 * error.
 */
bool server_answer(struct server *server, cap_t slot, uint32_t number, uint32_t status, const void *reply);

/* Whether the caller of a deferred call still waits. False: it is gone or was interrupted, and the slot is free. */
MUST_USE bool server_client_waits(cap_t slot);

/* Drop a deferred call. Its caller gets E_PEER if it still waits. */
void server_forget(cap_t slot);

/* Operation 0 of every protocol: how often operation `number` was called. Errors: P_END no such operation. */
struct server_counter_request {
    uint64_t number;
};
struct server_counter_reply {
    uint64_t count;
    char name[32]; /* zero-terminated */
};
MUST_USE uint32_t server_counter(cap_t server, const struct server_counter_request *request,
                                 struct server_counter_reply *reply);

/* Handlers are not inlined: one that uses many registers must not make all others save them. */
#define SERVER_HANDLER __attribute__((noinline))
#define PROTOCOL_ROW_HANDLER(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    SERVER_HANDLER static uint32_t proto##_serve_##name(struct server_call *call,                       \
                                                        const struct proto##_##name##_request *request, \
                                                        struct proto##_##name##_reply *reply);

#define PROTOCOL_ROW_CASE(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    case number:                                                                                     \
        return proto##_serve_##name(call, request, reply);

/*
 * Declares the handlers of a server of several files, in the header that these share. One of the files has
 * PROTOCOL_DISPATCH.
 */
#define PROTOCOL_ROW_SHARED(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    SERVER_HANDLER uint32_t proto##_serve_##name(struct server_call *call,                             \
                                                 const struct proto##_##name##_request *request,       \
                                                 struct proto##_##name##_reply *reply);
#define PROTOCOL_HANDLERS(proto, OPERATIONS) OPERATIONS(PROTOCOL_ROW_SHARED)

/*
 * Defines `proto_operations`, the shapes of all operations of a server, indexed by their numbers. Rows are numbered
 * from 1 on without a gap: a gap would be an operation without a name, which any client may ask about.
 */
#define PROTOCOL_ROW_PLACE(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    proto##_##name##_row,
#define PROTOCOL_ROW_NUMBERED(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    _Static_assert((number) == proto##_##name##_row,                                                     \
                   "operation " #proto "_" #name ": " #number " is not the number after that of the row before");
#define PROTOCOL_TABLE(proto, OPERATIONS)                                                                            \
    enum { proto##_counter_row, OPERATIONS(PROTOCOL_ROW_PLACE) };                                                    \
    OPERATIONS(PROTOCOL_ROW_NUMBERED)                                                                                \
    static const struct protocol_operation proto##_operations[] = {                                                  \
        [0] = {"counter", {8, 8, 0}, {sizeof(struct server_counter_reply), sizeof(struct server_counter_reply), 0}}, \
        OPERATIONS(PROTOCOL_ROW_OPERATION)};                                                                         \
    _Static_assert(sizeof proto##_operations / sizeof proto##_operations[0] <= SERVER_OPERATIONS_MAX,                \
                   "there is a counter for each");

#define PROTOCOL_DISPATCH(proto, OPERATIONS)                                                       \
    PROTOCOL_TABLE(proto, OPERATIONS)                                                              \
    static uint32_t proto##_dispatch(struct server_call *call, const void *request, void *reply) { \
        switch (call->operation) {                                                                 \
            OPERATIONS(PROTOCOL_ROW_CASE)                                                          \
        default:                                                                                   \
            return P_OPERATION;                                                                    \
        }                                                                                          \
    }                                                                                              \
    static const struct protocol proto##_protocol = {                                              \
        #proto, proto##_operations, sizeof proto##_operations / sizeof proto##_operations[0], proto##_dispatch};

/* The handlers of a server of one file, and their dispatch. */
#define PROTOCOL_SERVER(proto, OPERATIONS) OPERATIONS(PROTOCOL_ROW_HANDLER) PROTOCOL_DISPATCH(proto, OPERATIONS)

/* ---- The common case: a short call after a short answer. Inline, so that the compiler sees the caller, too. ---- */

/*
 * The other cases, a function each: no answer is pending, or receive slots are missing; the client could not take its
 * answer; the call is not short; the call failed.
 */
MUST_USE uint32_t server_next_long(struct server *server, struct server_event *ret_event);
MUST_USE uint32_t server_next_after_failure(struct server *server, struct server_event *ret_event);
void server_serve_long(struct server *server, const struct server_event *event);
void server_answer_failure(struct server *server, uint32_t status);

/* The rare cases use a copy of the event, so that *ret_event can stay in registers in the common one. */
static inline uint32_t server_next(struct server *server, struct server_event *ret_event) {
    struct server_event other;
    uint32_t status;
    if (!server->answer_waits || server->lacks_slots) {
        status = server_next_long(server, &other);
        *ret_event = other;
        return status;
    }
    struct message message = server->answer;
    uint64_t badge = 0;
    server->answer_waits = false;
    if (ep_reply_wait(server->endpoint, &message, &badge) != OK) {
        status = server_next_after_failure(server, &other);
        *ret_event = other;
        return status;
    }
    *ret_event = (struct server_event){message_kind(message.info), badge, message};
    return OK;
}

static inline void server_serve(struct server *server, const struct server_event *event) {
    uint32_t operation = message_label(event->message.info);
    const struct server_short *known = &server->short_calls[operation % SERVER_OPERATIONS_MAX];
    if (operation >= server->protocol->operation_count || event->message.info != known->request) {
        struct server_event other = *event;
        server_serve_long(server, &other);
        return;
    }
    server->counts[operation]++;
    server->call.badge = event->badge;
    server->call.operation = operation;
    server->call.reason[0] = '\0';
    __builtin_memcpy(server->request_words, event->message.words, sizeof event->message.words);
    server->answer = (struct message){.info = known->reply}; /* words that the reply does not fill are zero */
    uint32_t status = server->protocol->dispatch(&server->call, server->request_words, server->answer.words);
    if (status == OK)
        server->answer_waits = true;
    else
        server_answer_failure(server, status);
}
