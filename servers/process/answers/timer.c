#include "servers/process/answers/timer.h"

#include "libsys/program/program.h"

static struct server_context *const context = &served_context;

uint64_t timer_at_ns = DEADLINE_NEVER;

void timer_set_wake(struct wake *wake, uint64_t duration_ns) {
    wakes_set(&context->processes.wakes, wake, program_time_in(duration_ns));
}

void timer_change(void) {
    timer_at_ns = wakes_next(&context->processes.wakes);
    (void)sys_signal_timer(context->caps.events, EVENT_TIMER, timer_at_ns); /* main has checked that this works */
}
