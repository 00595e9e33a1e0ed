/*
 * The server's loop, without the timer: that is set by the policy, which may want to be woken, too.
 */
#pragma once

#include "servers/process/answers/timer.h"
#include "servers/process/calls/serve.h"
#include "servers/process/delivery/delivery.h"
#include "servers/process/memory/pressure.h"

/*
 * Send the answer, then deliver signals: a handler can't begin in the middle of a call. A caller on another CPU would
 * run on at once, and signals that it sent to itself would come too late: it stays suspended meanwhile. A caller on
 * this CPU waits for this server anyway.
 */
static inline void loop_answer_and_deliver(uint64_t caller) {
    const struct process_thread *thread = served_context.cpu_count > 1 ? serve_badge(caller) : NULL;
    if (thread != NULL)
        (void)sys_thread_suspend(thread->object, 0);
    (void)server_flush(&served_server);
    pressure_take_for(&served_context, 0); /* a signal's frame may take one of the last frames */
    delivery_run();
    thread = thread != NULL ? serve_badge(caller) : NULL; /* the thread may have ended */
    if (thread != NULL)
        (void)objects_resume(thread);
}

/* Serve an event that is not a call. */
static inline void loop_serve_other(void) {
    if (server_event_kind(&served_server) == MESSAGE_FAULT)
        serve_fault(&served_server.event);
    else if (server_event_kind(&served_server) == MESSAGE_NOTIFICATION)
        serve_events(served_server.event.message.words[0]);
}

/* Wait for an event and serve it. Its answer may wait for the next one. Errors: those of server_next. */
static inline uint32_t loop_serve(void) {
    uint32_t status = server_next(&served_server);
    if (status != OK)
        return status;
    pressure_take_for(&served_context, OBJECTS_BADGE_PID(served_server.event.badge));
    if (server_event_kind(&served_server) == MESSAGE_CALL)
        server_serve(&served_server);
    else
        loop_serve_other();
    if (process_is_due(&served_context.processes))
        loop_answer_and_deliver(served_server.event.badge);
    page_allocator_settle(&served_context.allocator);
    return OK;
}
