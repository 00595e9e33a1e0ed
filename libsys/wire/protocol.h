/*
 * What all protocols have in common: how a list of operations becomes client stubs and a server's dispatch.
 *
 * A protocol NAME lists its operations once, in libsys/proto/NAME.h:
 *
 *     #define NAME_OPERATIONS(ROW) \
 *         ROW(name, 1, verb, request bytes, request capabilities, reply bytes, reply capabilities)
 *
 * For each it declares `struct name_verb_request` and `struct name_verb_reply`: plain structures of at most
 * PROTOCOL_BYTES_MAX bytes. `bytes` is sizeof the structure, or, if that has a tail, the offset of its last member. A
 * structure with a tail begins with `uint64_t length_bytes`, the bytes of the tail in use; only these travel. Numbers
 * start at 1 and have no gap; 0 is every server's counter. PROTOCOL_TABLE of server.h enforces that. Capability counts
 * are exact; a failing reply carries none.
 *
 * The request's label is the operation, the reply's label the status (enum protocol_status or enum status). A failing
 * reply may carry a reason: a tail of text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libsys/wire/message.h"
#include "libsys/wire/transfer.h"

#define PROTOCOL_BYTES_MAX (8U * MESSAGE_WORDS)
#define PROTOCOL_TAIL_MAX (PROTOCOL_BYTES_MAX - 32U) /* room for a tail of a path or data */
#define PROTOCOL_REASON_MAX 256U                     /* bytes of a reason, terminating zero included */

enum protocol_status {
#define PROTOCOL_STATUS(number, name, text) name = number,
#include "libsys/wire/status.def"
};

/* One direction of one operation. It has a tail if fixed_bytes < most_bytes. */
struct protocol_shape {
    uint16_t fixed_bytes;
    uint16_t most_bytes;
    uint16_t cap_count;
};

struct protocol_operation {
    const char *name;
    struct protocol_shape request;
    struct protocol_shape reply;
};

static inline _Bool protocol_has_tail(const struct protocol_shape *shape) {
    return shape->fixed_bytes < shape->most_bytes;
}

/* Returns the bytes of a shape with a tail, whose length stands in `data`; 0: the tail would exceed its room. */
static inline uint32_t protocol_tail_bytes(const struct protocol_shape *shape, const void *data) {
    uint64_t length_bytes;
    __builtin_memcpy(&length_bytes, data, sizeof length_bytes);
    if (length_bytes > (uint64_t)(shape->most_bytes - shape->fixed_bytes))
        return 0;
    return (uint32_t)(shape->fixed_bytes + length_bytes);
}

/*
 * Bytes, and words, of `data` in a message of this shape; 0: length_bytes exceeds the room of the tail (no structure is
 * empty).
 */
static inline uint32_t protocol_bytes(const struct protocol_shape *shape, const void *data) {
    return protocol_has_tail(shape) ? protocol_tail_bytes(shape, data) : shape->fixed_bytes;
}
static inline uint32_t protocol_words(const struct protocol_shape *shape, const void *data) {
    return message_words_of(protocol_bytes(shape, data));
}

/*
 * Whether a message of `words` words and `caps` capabilities has this shape. `data` holds at least its first word.
 * True: all fixed bytes and all bytes of the tail that length_bytes announces are there.
 */
static inline _Bool protocol_fits(const struct protocol_shape *shape, uint32_t words, uint32_t caps, const void *data) {
    return caps == shape->cap_count && words * 8U >= shape->fixed_bytes && words == protocol_words(shape, data);
}

/*
 * Returns the info word of all messages of this shape if they are short: no capability, no tail, all words in
 * registers. Otherwise PROTOCOL_NOT_SHORT, which no message has as its info word.
 */
#define PROTOCOL_NOT_SHORT UINT64_MAX
static inline uint64_t protocol_short_info(const struct protocol_shape *shape, uint32_t label) {
    uint32_t bytes = shape->fixed_bytes;
    bool is_short =
        !protocol_has_tail(shape) && shape->cap_count == 0 && bytes % 8 == 0 && bytes <= 8U * MESSAGE_REGISTERS;
    return is_short ? MESSAGE_INFO(label, bytes / 8, 0) : PROTOCOL_NOT_SHORT;
}

/* Optional arguments and results of a call, besides request and reply. */
struct protocol_extra {
    cap_t send[MESSAGE_CAPS];         /* slots of the request's capabilities, which are copied */
    cap_t receive[MESSAGE_CAPS];      /* empty slots for the reply's capabilities */
    bool interruptible;               /* P_INTERRUPTED ends the call, see protocol_call */
    char reason[PROTOCOL_REASON_MAX]; /* after a failure: the reason in words; may be empty */
};

/*
 * Call an operation and wait for the answer. `reply` is filled if the status is OK and untouched otherwise. extra may
 * be NULL for an operation without capabilities. A call that a signal's handler interrupted has had no effect
 * (docs/servers.md); it is made again, unless extra->interruptible.
 * Errors: whatever the server answers; the kernel's (E_PEER: the server is gone); P_REPLY; P_MESSAGE (length_bytes).
 */
MUST_USE uint32_t protocol_call(cap_t server, uint32_t number, const struct protocol_operation *operation,
                                const void *request, void *reply, struct protocol_extra *extra);

/*
 * Do protocol_call() inline. If the compiler sees that no capability travels and `extra` is NULL, a message that fits
 * registers is built and read right here; for a shape without a tail no decision is left for run time.
 */
MUST_USE __attribute__((always_inline)) static inline uint32_t
protocol_invoke(cap_t server, uint32_t number, const struct protocol_operation *operation, const void *request,
                void *reply, struct protocol_extra *extra) {
    bool plain = operation->request.cap_count == 0 && operation->reply.cap_count == 0 && extra == NULL;
    uint32_t bytes = plain ? protocol_bytes(&operation->request, request) : 0;
    if (bytes == 0 || bytes > 8U * MESSAGE_REGISTERS)
        return protocol_call(server, number, operation, request, reply, extra);
    struct message message = {.info = MESSAGE_INFO(number, message_words_of(bytes), 0)};
    message_put(&message, request, bytes);
    uint64_t status = ep_call(server, &message);
    if (status == OK)
        status = message_label(message.info);
    if (status == P_INTERRUPTED)
        return protocol_call(server, number, operation, request, reply, extra);
    if (status != OK)
        return (uint32_t)status;
    uint64_t short_info = protocol_short_info(&operation->reply, OK);
    bool fits = short_info != PROTOCOL_NOT_SHORT ? message.info == short_info
                                                 : protocol_fits(&operation->reply, message_words(message.info),
                                                                 message_caps(message.info), message.words);
    if (!fits)
        return P_REPLY;
    message_take(&message, reply, operation->reply.most_bytes);
    return OK;
}

#define PROTOCOL_SHAPE(proto, name, kind, bytes, caps) \
    { bytes, sizeof(struct proto##_##name##_##kind), caps }

#define PROTOCOL_ROW_OPERATION(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    [number] = {#name, PROTOCOL_SHAPE(proto, name, request, request_bytes, request_caps),                 \
                PROTOCOL_SHAPE(proto, name, reply, reply_bytes, reply_caps)},

#define PROTOCOL_ROW_CHECK(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps)          \
    _Static_assert(sizeof(struct proto##_##name##_request) <= PROTOCOL_BYTES_MAX, "a request fits a message"); \
    _Static_assert(sizeof(struct proto##_##name##_reply) <= PROTOCOL_BYTES_MAX, "a reply fits a message");     \
    _Static_assert(sizeof(struct proto##_##name##_request) % 8 == 0, "a request has room for whole words");    \
    _Static_assert(sizeof(struct proto##_##name##_reply) % 8 == 0, "a reply has room for whole words");        \
    _Static_assert((request_bytes) <= sizeof(struct proto##_##name##_request), "the tail is a member");        \
    _Static_assert((reply_bytes) <= sizeof(struct proto##_##name##_reply), "the tail is a member");            \
    _Static_assert((request_caps) <= MESSAGE_CAPS && (reply_caps) <= MESSAGE_CAPS, "so many fit a message");

#define PROTOCOL_ROW_STUB(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps)             \
    MUST_USE static inline uint32_t proto##_##name(cap_t server, const struct proto##_##name##_request *request, \
                                                   struct proto##_##name##_reply *reply,                         \
                                                   struct protocol_extra *extra) {                               \
        static const struct protocol_operation operation = {                                                     \
            #name, PROTOCOL_SHAPE(proto, name, request, request_bytes, request_caps),                            \
            PROTOCOL_SHAPE(proto, name, reply, reply_bytes, reply_caps)};                                        \
        return protocol_invoke(server, number, &operation, request, reply, extra);                               \
    }

/* Ends a protocol's header: defines its stubs, `uint32_t proto_verb(server, request, reply, extra)`. */
#define PROTOCOL_CLIENT(proto, OPERATIONS) OPERATIONS(PROTOCOL_ROW_CHECK) OPERATIONS(PROTOCOL_ROW_STUB)
