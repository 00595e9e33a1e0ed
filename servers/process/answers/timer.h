/*
 * The one timer of this server: it goes off when the next of all wakes is due.
 */
#pragma once

#include "servers/process/answers/answer.h"

/* Let something be after this time; UINT64_MAX = never. */
void timer_set_wake(struct wake *wake, uint64_t duration_ns);

/* Let the timer go off when the next sleeper wakes; after each message, since any may have changed that. */
void timer_change(void);
extern uint64_t timer_at_ns; /* when it will */
static inline void timer_update(void) {
    if (wakes_next(&served_context.processes.wakes) != timer_at_ns)
        timer_change();
}
