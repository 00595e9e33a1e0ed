/*
 * What all protocols have in common: how a list of operations becomes client stubs and a server's dispatch.
 *
 * A protocol NAME lists its operations once, in libsys/proto/NAME.h:
 *
 *     #define NAME_OPERATIONS(ROW) \
 *         ROW(name, 1, verb, request bytes, request capabilities, reply bytes, reply capabilities)
 *
 * and declares `struct name_verb_request` and `struct name_verb_reply` for each, plain structures of at most
 * PROTOCOL_BYTES_MAX bytes. `bytes` is either sizeof the structure, or the offset of its last member, the tail; then
 * the first member is `uint64_t length_bytes`, the bytes of the tail in use, and no more than these travel. Numbers
 * start at 1 and have no gap (0 is every server's counter, see server.h). Capability counts are exact; a failing reply
 * carries none.
 *
 * The request's label is the operation, the reply's label the status (enum protocol_status or enum status). A failing
 * reply may carry a reason: a tail of text.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/status.h"
#include "kernel/abi/syscall.h"

#define PROTOCOL_BYTES_MAX (8U * MESSAGE_WORDS)
#define PROTOCOL_TAIL_MAX (PROTOCOL_BYTES_MAX - 32U) /* what tails of paths and data have room for */
#define PROTOCOL_REASON_MAX 256U                     /* bytes of a reason, terminating zero included */

enum protocol_status {
#define PROTOCOL_STATUS(number, name, text) name = number,
#include "libsys/proto/status.def"
};

/* One direction of one operation. fixed < most: there is a tail. */
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

/* The words of a shape with a tail, of which `data` tells the length; 0: that is longer than there is room for. */
uint32_t protocol_tail_words(const struct protocol_shape *shape, const void *data);

/*
 * Words that `data` of this shape takes in a message; 0 also for length_bytes beyond what the tail has room for
 * (no structure is empty).
 */
static inline uint32_t protocol_words(const struct protocol_shape *shape, const void *data) {
    return protocol_has_tail(shape) ? protocol_tail_words(shape, data) : (shape->fixed_bytes + 7U) / 8;
}

/*
 * Is a message of `words` words and `caps` capabilities of this shape? `data` holds the words received. True: every
 * fixed byte and every byte of the tail that length_bytes promises is there.
 */
static inline _Bool protocol_fits(const struct protocol_shape *shape, uint32_t words, uint32_t caps, const void *data) {
    return caps == shape->cap_count && words * 8U >= shape->fixed_bytes && words == protocol_words(shape, data);
}

/* What a client may add to a call and learn from it, besides request and reply. */
struct protocol_extra {
    cap_t send[MESSAGE_CAPS];         /* the operation's request capabilities, copied from these slots */
    cap_t receive[MESSAGE_CAPS];      /* empty slots for those of the reply */
    char reason[PROTOCOL_REASON_MAX]; /* after a failure: why, in words; may be empty */
};

/*
 * Call an operation and wait for the answer. `reply` is filled if the status is OK and untouched otherwise.
 * extra: may be NULL for an operation without capabilities.
 * Errors: whatever the server answers; the kernel's (E_PEER: the server is gone); P_REPLY; P_MESSAGE (length_bytes).
 */
MUST_USE uint32_t protocol_call(cap_t server, uint32_t number, const struct protocol_operation *operation,
                                const void *request, void *reply, struct protocol_extra *extra);

#define PROTOCOL_SHAPE(proto, name, kind, bytes, caps) \
    { bytes, sizeof(struct proto##_##name##_##kind), caps }

#define PROTOCOL_ROW_OPERATION(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) \
    [number] = {#name, PROTOCOL_SHAPE(proto, name, request, request_bytes, request_caps),                 \
                PROTOCOL_SHAPE(proto, name, reply, reply_bytes, reply_caps)},

#define PROTOCOL_ROW_CHECK(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps)          \
    _Static_assert(sizeof(struct proto##_##name##_request) <= PROTOCOL_BYTES_MAX, "a request fits a message"); \
    _Static_assert(sizeof(struct proto##_##name##_reply) <= PROTOCOL_BYTES_MAX, "a reply fits a message");     \
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
        return protocol_call(server, number, &operation, request, reply, extra);                                 \
    }

/* At the end of a protocol's header: its stubs, `uint32_t proto_verb(server, request, reply, extra)`. */
#define PROTOCOL_CLIENT(proto, OPERATIONS) OPERATIONS(PROTOCOL_ROW_CHECK) OPERATIONS(PROTOCOL_ROW_STUB)
