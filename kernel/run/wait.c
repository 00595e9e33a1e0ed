#include "kernel/run/wait.h"

#include "kernel/run/queue.h"
#include "kernel/run/sched.h"
#include "kernel/run/timer.h"
#include "kernel/run/trace.h"

uint64_t queue_arrivals;

void thread_wake(struct thread *thread, enum status status) {
    thread->arch.frame.status = status;
    if (trace_wants(TRACE_RETURN))
        trace_note_wake(thread);
    if (thread->suspended)
        thread->state = THREAD_STOPPED;
    else
        sched_ready(thread);
}

void thread_cancel(struct thread *thread) {
    timer_cancel(&thread->deadline);
    if (thread->wait_heap != NULL)
        queue_leave(thread);
    if (thread->reply_slot != NULL)
        cap_clear_reply(thread->reply_slot);
    thread->state = THREAD_STOPPED;
}

void thread_refuse(struct thread *thread, enum status status) {
    bool faulted = thread->state == THREAD_IN_FAULT;
    thread_cancel(thread);
    if (!faulted)
        thread_wake(thread, status);
}

void thread_stop(struct thread *thread) {
    if (thread->state == THREAD_STOPPED)
        return;
    sched_claim(thread, true);
    if (thread->state == THREAD_READY || thread->state == THREAD_RUNNING)
        sched_block(thread, THREAD_STOPPED);
    else
        thread_cancel(thread); /* it waits for something */
}
