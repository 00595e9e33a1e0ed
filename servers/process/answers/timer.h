/*
 * This server's one timer: it goes off when the next of all wakes is due.
 */
#pragma once

#include "servers/process/answers/answer.h"

/* Set a wake to go off after this time; UINT64_MAX = never. */
void timer_set_wake(struct wake *wake, uint64_t duration_ns);

/* Set the timer to the next wake. timer_update does that after each message, since any message may have changed it. */
void timer_change(void);
extern uint64_t timer_at_ns; /* the time that it is set to */
static inline void timer_update(void) {
    if (wakes_next(&served_context.processes.wakes) != timer_at_ns)
        timer_change();
}
