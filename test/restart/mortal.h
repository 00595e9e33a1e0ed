/*
 * Protocol `mortal`: a server that keeps its state, and dies where a request tells it to. Its operations do what
 * servers do: change state, let callers wait, answer them, take and give capabilities, carry long texts.
 */
#pragma once

#include "libsys/wire/protocol.h"

/* Where the server dies. */
enum mortal_place {
    MORTAL_NOWHERE,
    MORTAL_BEFORE,   /* before the handler has done anything */
    MORTAL_HALF_WAY, /* between two changes of the handler */
    MORTAL_DECIDED,  /* the answer is decided, and has not gone out */
    MORTAL_LATER,    /* ... and callers that the handler has satisfied are being answered */
    MORTAL_LOOP,     /* half way, too, but it does not die: it loops for ever */
};

/*
 * The first word of each request: the server dies `times` times at this place, if it comes to it. The serial number
 * tells a request from the same request that comes again to a successor.
 */
#define MORTAL_DEATH(serial, times, place) ((uint64_t)(serial) << 32 | (uint64_t)(times) << 8 | (place))
#define MORTAL_SERIAL(death) ((death) >> 32)
#define MORTAL_TIMES(death) ((death) >> 8 & 0xffffff)
#define MORTAL_PLACE(death) ((enum mortal_place)((death)&0xff))
#define MORTAL_ALWAYS 0xffffffU

#define MORTAL_TEXT_MAX 512U
#define MORTAL_HAND UINT64_MAX /* `changes` to wait for: those of a `hand` */

/* Fold `amount` and the capability by which it came into the total, so that no addition is like another one. */
struct mortal_add_request {
    uint64_t death;
    uint64_t amount;
};
struct mortal_add_reply {
    uint64_t total;
    uint64_t changes; /* additions so far */
};

/* Wait until there have been so many additions. Errors: P_LIMIT. */
struct mortal_await_request {
    uint64_t death;
    uint64_t changes;
};
struct mortal_await_reply {
    uint64_t total;
    uint64_t changes;
};

/* Hand `amount` to the first caller that waits for that, as its `changes`. Errors: P_NOT_FOUND nobody does. */
struct mortal_hand_request {
    uint64_t death;
    uint64_t amount;
};
struct mortal_hand_reply {
    uint64_t handed; /* so far */
};

/* Get a capability of one's own for the server. Errors: P_LIMIT. */
struct mortal_open_request {
    uint64_t death;
};
struct mortal_open_reply {
    uint64_t index;
};

/* Leave a capability there, and take it away. Errors: P_EXISTS, P_NOT_FOUND. */
struct mortal_give_request {
    uint64_t death;
};
struct mortal_give_reply {
    uint64_t given; /* so far */
};
struct mortal_take_request {
    uint64_t death;
};
struct mortal_take_reply {
    uint64_t given;
};

/* Leave a text, and get the one before. */
struct mortal_swap_request {
    uint64_t length_bytes;
    uint64_t death;
    char text[MORTAL_TEXT_MAX];
};
struct mortal_swap_reply {
    uint64_t length_bytes;
    char text[MORTAL_TEXT_MAX];
};

/* What the server holds. */
struct mortal_look_request {
    uint64_t zero;
};
struct mortal_look_reply {
    uint64_t generation;
    uint64_t waiting; /* callers */
    uint64_t opened;  /* capabilities of which copies are left */
    uint64_t lost;    /* ... and of which the last copy has gone */
    uint64_t slots;   /* of its table in use */
};

/* All counts and the text are as at first. */
struct mortal_reset_request {
    uint64_t zero;
};
struct mortal_reset_reply {
    uint64_t zero;
};

/* What is to happen to the next programs. */
struct mortal_doom_request {
    uint64_t starts; /* so many of them die while they start ... */
    uint64_t place;  /* enum mortal_start */
    uint64_t layout; /* of their state */
    uint64_t events; /* so many die when a capability is gone */
    uint64_t forms;  /* enum mortal_forms */
};
struct mortal_doom_reply {
    uint64_t zero;
};
enum mortal_forms {
    MORTAL_NO_FORM,
    MORTAL_EXPORTS,       /* its state can be exported; no program takes that over */
    MORTAL_IMPORTS,       /* ... and other ones do */
    MORTAL_KEEPS_NOTHING, /* the next program never looks at it */
};
enum mortal_start {
    MORTAL_START_FIRST,  /* at once */
    MORTAL_START_KEPT,   /* between server_keep() and server_init() */
    MORTAL_START_READY,  /* before the first message */
    MORTAL_START_EXPORT, /* having exported a part */
    MORTAL_START_IMPORT, /* having imported all */
    MORTAL_STARTS,
    MORTAL_START_HANGS = MORTAL_STARTS, /* it loops instead, at once */
};

#define MORTAL_ROW(ROW, number, name, request_caps, reply_caps)                     \
    ROW(mortal, number, name, sizeof(struct mortal_##name##_request), request_caps, \
        sizeof(struct mortal_##name##_reply), reply_caps)
#define MORTAL_OPERATIONS(ROW)                                                                                       \
    MORTAL_ROW(ROW, 1, add, 0, 0)                                                                                    \
    MORTAL_ROW(ROW, 2, await, 0, 0)                                                                                  \
    MORTAL_ROW(ROW, 3, hand, 0, 0)                                                                                   \
    MORTAL_ROW(ROW, 4, open, 0, 1)                                                                                   \
    MORTAL_ROW(ROW, 5, give, 1, 0)                                                                                   \
    MORTAL_ROW(ROW, 6, take, 0, 1)                                                                                   \
    ROW(mortal, 7, swap, offsetof(struct mortal_swap_request, text), 0, offsetof(struct mortal_swap_reply, text), 0) \
    MORTAL_ROW(ROW, 8, look, 0, 0)                                                                                   \
    MORTAL_ROW(ROW, 9, reset, 0, 0)                                                                                  \
    MORTAL_ROW(ROW, 10, doom, 0, 0)

PROTOCOL_CLIENT(mortal, MORTAL_OPERATIONS)
