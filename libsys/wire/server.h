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

#include "libsys/wire/journal.h"
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
    uint64_t badge;
    struct message message; /* MESSAGE_NOTIFICATION: words[0] = bits */
};

/* How far the loop has got with the event: the low bits of journal.mark. Above them, how often it was tried before. */
enum server_stage {
    SERVER_WAITS = 0,    /* nothing is owed to anybody */
    SERVER_RECEIVED = 1, /* `event` is there; words from 4 on still lie in the message page */
    SERVER_COPIED = 2,   /* ... and all words of the request in request_words */
    SERVER_DECIDED = 3,  /* `answer` goes out with the next wait */
    SERVER_BUILDS = 4,   /* the answer is first made from `status` and reply_words or call.reason */
    SERVER_SENDS = 5,    /* ... from reply_words, and call.reply_caps go with it */
};
#define SERVER_STAGE(mark) ((enum server_stage)((mark)&0xf))
#define SERVER_TRIES(mark) ((mark) >> 4 & 0xf)
#define SERVER_TRIES_MAX 3U /* a request at which the server dies as often is answered P_FAILED */

/* What the loop knows. commit.S has the offsets of the members up to `heard`. */
struct server {
    struct journal journal;
    cap_t endpoint;
    struct message answer;
    struct server_event event;
    uint64_t heard; /* messages of all kinds, for init to see that the server lives */
    const struct protocol *protocol;
    cap_t receive[MESSAGE_CAPS];            /* empty slots for capabilities that come with calls */
    cap_t spare;                            /* a successor takes the Reply of the program before it here */
    uint64_t counts[SERVER_OPERATIONS_MAX]; /* calls taken, by operation */
    struct server_short {
        uint64_t request, reply;           /* info words, see protocol_short_info */
    } short_calls[SERVER_OPERATIONS_MAX];  /* by operation */
    bool long_way;                         /* the next wait takes server_next_long() */
    uint32_t status;                       /* SERVER_BUILDS: of the answer; OK: it is in reply_words */
    struct server_call call;               /* the call that is being served */
    uint64_t request_words[MESSAGE_WORDS]; /* ... and its request, if that has words in the message page */
    uint64_t reply_words[MESSAGE_WORDS];
};

/*
 * For a server whose memory outlives it: *server lies at KEEP_STATE_AT, with `bytes` of the server's state from there
 * on. Call it first. layout: KEEP_LAYOUT() for this form of the state; its version changes when the state's meaning
 * does. A state of another size is another layout. True: the state is that of the program before, as its last whole
 * change left it. Then the server computes what it does not keep, and names the slots it holds by slot_claim(), before
 * it takes any. False: all is zero. If there was a state of another layout, it is lost: whoever waited for an answer
 * gets P_LOST. A program that is to be swapped in (docs/swap.md) says no to such a state and ends here.
 */
MUST_USE bool server_keep(struct server *server, uint64_t layout, size_t bytes);

/*
 * Set up a server. After server_keep(): slots that nobody has claimed are emptied, and the call that the program before
 * was at is answered if it had decided the answer; else it comes again. Errors: E_LIMIT no slot is free.
 */
MUST_USE uint32_t server_init(struct server *server, cap_t endpoint, const struct protocol *protocol);

/*
 * Send the pending answer, if there is one, and wait for the next message: server->event. All changes are committed.
 * Errors: those of ep_wait; they mean that the server can't go on.
 */
MUST_USE static inline uint32_t server_next(struct server *server);

static inline enum message_kind server_event_kind(const struct server *server) {
    return (enum message_kind)message_kind(server->event.message.info);
}

/* server->answer is the answer to the event, and goes out with the next wait. All changes are committed with it. */
static inline void server_decide(struct server *server) { journal_commit(&server->journal, SERVER_DECIDED); }

/*
 * Called in a handler that will return OK: *reply is complete, and all changes are committed with it. What the handler
 * does from here on is not part of its call.
 */
void server_decide_early(struct server *server);

/* Send the pending answer now, if there is one. False: the caller can't take it, and still waits. */
bool server_flush(struct server *server);

/* Answer the event with server->answer, now. All changes are committed with it. False: as for server_flush. */
bool server_answer_event(struct server *server);

/* Check, dispatch and answer server->event, of kind MESSAGE_CALL. */
static inline void server_serve(struct server *server);

/*
 * Called in a handler: keep the right to answer this call. Returns the slot that now holds the right, for
 * server_answer; 0: no slot is free. The handler then returns SERVER_DEFERRED. All changes are committed with it.
 * server_defer_to() does it with a slot from slot_take(), which the handler has noted before. False: it holds nothing,
 * and no change is committed. A server that keeps its state needs this one: behind server_defer() no state names the
 * slot yet, so a caller is told P_LOST if the program dies there.
 * The answer is the commit: perform the request only when server_answer has reported that the answer was taken. A
 * caller that was interrupted before repeats its call, and must find everything as if it had never made it.
 */
MUST_USE cap_t server_defer(void);
MUST_USE bool server_defer_to(cap_t slot);

/*
 * Answer a deferred call. *reply is a `struct name_verb_reply` of operation `number` if the status is OK. The slot is
 * free afterwards. Returns whether the caller got the answer: then perform its request. A caller that is gone is no
 * error. A server that keeps its state performs the request first, as a change of its own: it is committed if the
 * caller gets the answer. If not, it takes back what must not be. In a handler that is behind server_decide_early(), or
 * it is server_answer_and_decide(): else the request, not decided yet, comes again and answers another caller.
 */
bool server_answer(struct server *server, cap_t slot, uint32_t number, uint32_t status, const void *reply);

/*
 * Called in a handler that will return OK: answer a deferred call, and decide the handler's own call with it: *reply of
 * the handler is complete. If the deferred call's answer is not taken, nothing is decided.
 */
bool server_answer_and_decide(struct server *server, cap_t slot, uint32_t number, const void *reply);

/*
 * Called in a handler that will return OK, when its reply is complete: make a system call, and decide the handler's own
 * call with it. Returns the system call's status; unless that is OK, nothing is decided.
 */
MUST_USE uint64_t server_call_and_decide(struct server *server, const struct journal_effect *effect);

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
MUST_USE uint32_t server_next_long(struct server *server);
MUST_USE uint32_t server_next_after_failure(struct server *server);
void server_serve_long(struct server *server);
void server_answer_failure(struct server *server, uint32_t status);

/* Make a system call, SYS_ep_reply_wait or SYS_ep_wait, with `answer` in the registers, and take the message. */
MUST_USE uint64_t server_receive(struct server *server, uint64_t number);

static inline uint32_t server_next(struct server *server) {
    if (server->journal.mark != SERVER_DECIDED || server->long_way)
        return server_next_long(server);
    if (server_receive(server, SYS_ep_reply_wait) == OK)
        return OK;
    return server_next_after_failure(server);
}

static inline void server_serve(struct server *server) {
    const struct message *request = &server->event.message;
    uint32_t operation = message_label(request->info);
    const struct server_short *known = &server->short_calls[operation % SERVER_OPERATIONS_MAX];
    if (operation >= server->protocol->operation_count || request->info != known->request) {
        server_serve_long(server);
        return;
    }
    server->counts[operation]++;
    server->call.badge = server->event.badge;
    server->call.operation = operation;
    server->call.reason[0] = '\0';
    server->answer = (struct message){.info = known->reply}; /* words that the reply does not fill are zero */
    uint32_t status = server->protocol->dispatch(&server->call, request->words, server->answer.words);
    if (status == OK)
        server_decide(server);
    else
        server_answer_failure(server, status);
}
