/*
 * What the suite of storms and the hook in each server say to each other: messages with a label of their own, which the
 * hook takes before the server sees them.
 *
 * A storm is a list of events. Each hits one server at its nth message since the start of the storm, counted from 1.
 * Calls, faults and notifications are messages. Those of the program that gives the orders are not counted, nor hit.
 */
#pragma once

#include <stdint.h>

#define STORM_LABEL 0x570724U /* no protocol has as many operations */
#define STORM_EVENTS_MAX 8U   /* at one server */

enum storm_order {
    STORM_CLEAR = 1, /* forget all events, and count from 0 again */
    STORM_ADD = 2,   /* words 1..3: n, enum storm_what, argument */
    STORM_START = 3,
    STORM_STOP = 4, /* the answer's words: events that came, callers that were told, refusals, rules that were broken */
    STORM_COUNT = 5, /* ... what came since the start: messages, kernel calls, those that can be refused */
};

enum storm_what {
    STORM_KILL,   /* the server dies before it looks at the message; argument 1: with its answer decided */
    STORM_DIE,    /* ... before its nth kernel call; argument 1: behind it. n counts these, while messages are served */
    STORM_FAIL,   /* ... each time it looks at the message, until it gives the message up */
    STORM_HANG,   /* it loops */
    STORM_DELAY,  /* ... for as many milliseconds */
    STORM_DROP,   /* the right to answer a call is deleted: the caller gets E_PEER */
    STORM_KEEP,   /* the call is never answered, nor served */
    STORM_DOUBLE, /* it is answered twice */
    STORM_REFUSE, /* its nth kernel call that can be refused is, or it gets no slot; n counts these, not messages */
    STORM_TAKE,   /* it gets no memory, for this message and the next ones, as many as the argument says */
    STORM_WHATS,
};
