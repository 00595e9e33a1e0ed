/*
 * A small server that does all that libsys/wire/server.h offers, and keeps its state: a number, some capabilities, some
 * callers that sit and wait, and effects outside its memory.
 *
 *     add, text       change the state and answer, in registers and in the message page
 *     give, take      keep a capability, give one away; swap sends the one back that came
 *     sit             waits for an answer
 *     hand, hand_text answer somebody that sits, and are decided with it; not found: nobody sits
 *     post            decides early, then answers those who sit; with nobody there, later ones that sit
 *     evict           lets one that sits go without an answer
 *     beep            decides early, then writes to a port, and reads from one
 *     drop, refuse    are not answered; fail, with a reason
 *     fall            a large note, or the end of the program
 */
#pragma once

#include "libsys/wire/server.h"

#define TILL_PLACES 4U
#define TILL_TAIL_BYTES 248U
#define TILL_FATAL 1000000U /* the program ends at `fall` with this amount, and at a notification with these bits */

#define TILL_OPERATIONS(ROW)            \
    ROW(till, 1, add, 8, 0, 8, 0)       \
    ROW(till, 2, text, 8, 0, 8, 0)      \
    ROW(till, 3, give, 8, 1, 8, 0)      \
    ROW(till, 4, take, 8, 0, 8, 1)      \
    ROW(till, 5, swap, 8, 1, 8, 1)      \
    ROW(till, 6, sit, 8, 0, 8, 0)       \
    ROW(till, 7, post, 8, 0, 8, 0)      \
    ROW(till, 8, hand, 8, 0, 8, 0)      \
    ROW(till, 9, hand_text, 8, 0, 8, 0) \
    ROW(till, 10, drop, 8, 0, 8, 0)     \
    ROW(till, 11, beep, 8, 0, 8, 0)     \
    ROW(till, 12, evict, 8, 0, 8, 0)    \
    ROW(till, 13, refuse, 8, 2, 8, 0)   \
    ROW(till, 14, fall, 8, 0, 8, 0)

#define TILL_NUMBER(proto, number, name, request_bytes, request_caps, reply_bytes, reply_caps) TILL_##name = number,
enum till_number { TILL_OPERATIONS(TILL_NUMBER) };

struct till_tail {
    uint64_t length_bytes;
    uint8_t bytes[TILL_TAIL_BYTES];
};

struct till {
    struct server server;
    uint64_t total, notified, sum, pending, beeps, reads, next_ticket;
    uint64_t read; /* IS_READ and a number that has come and is not in the sum yet */
    cap_t caps[TILL_PLACES];
    struct till_seat {
        cap_t slot; /* 0: nobody sits there */
        uint64_t ticket, amount;
        bool leaves;
    } seats[TILL_PLACES];
};
extern struct till *till;
extern struct till till_last; /* as the last program left it */
extern uint64_t till_layout;
extern uint64_t till_more_bytes; /* of the state */
extern const struct protocol *const till_shape;

/* Programs: main() of one that keeps the till, and of one that does not. */
void till_serve(void);
void till_serve_without_keeping(void);
