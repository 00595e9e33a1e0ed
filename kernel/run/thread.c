#include "kernel/run/thread.h"

#include "kernel/arch.h"
#include "kernel/base/assert.h"
#include "kernel/base/ledger.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/cpu.h"
#include "kernel/machine/request.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/queue.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"
#include "kernel/run/trace.h"

uint64_t queue_arrivals;
static uint32_t threads_made;

struct cap_slot no_slot;

static void forget_table(struct thread *thread) {
    thread->slots = &no_slot;
    thread->slot_count = 1;
}

struct thread *thread_make(struct pool *pool) {
    struct thread *thread = pool_take_run(pool, 0, FRAME_OBJECT);
    if (thread == NULL)
        return NULL;
    object_init(&thread->object, OBJECT_THREAD, pool, PAGE_BYTES);
    thread->deadline.kind = DEADLINE_THREAD;
    thread->cpu = arch_this_cpu();
    thread->reply_head = cap_pack(thread) | OBJECT_REPLY;
    thread_set_priority(thread, PRIORITY_LOWEST);
    thread_set_direct(thread);
    forget_table(thread);
    thread->id = ++threads_made;
    for (uint64_t i = BOUND_THREAD_REPLY; i <= BOUND_THREAD_MESSAGE; i++)
        (&thread->reply)[i - BOUND_THREAD_REPLY].previous = i;
    arch_thread_init(thread);
    return thread;
}

void thread_set_direct(struct thread *thread) {
    bool plain = !thread->suspended && !thread->foreign && !heap_contains_node(&thread->deadline.node);
    thread->direct = plain ? thread->cpu : NULL;
}

void thread_set_priority(struct thread *thread, uint8_t priority) {
    thread->priority = priority;
    thread->queue_rank = (uint64_t)(PRIORITY_HIGHEST - priority) << QUEUE_PRIORITY_SHIFT | QUEUE_MIDDLE;
}

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

void thread_bind(struct thread *thread, struct cap_slot *binding, struct cap_slot *source) {
    if (!cap_is_empty(binding))
        thread_unbind(binding);
    if (source == NULL)
        return;
    cap_link_child(binding, source, cap_rights(source), source->data);
    if (binding == &thread->notification) {
        struct notification *notification = cap_object(binding);
        notification->bound = thread;
        notification_tell_bound(notification);
    }
    if (binding == &thread->space)
        thread->arch.root = ((const struct space *)cap_object(binding))->root;
    if (binding == &thread->table) {
        const struct table *table = cap_object(binding);
        thread->slots = table->slots;
        thread->slot_count = table->slot_count;
    }
}

static void release_message_frame(struct thread *thread) {
    if (thread->message == NULL)
        return;
    frame_release(thread->message_frame);
    thread->message_frame = 0;
    thread->message = NULL;
}

void thread_hold_message_frame(struct thread *thread, uint64_t frame) {
    release_message_frame(thread);        /* boot's, which has no capability */
    if (frame == 0 || !frame_hold(frame)) /* the caller has found room for one */
        return;
    thread->message_frame = (uint32_t)frame;
    thread->message = arch_pointer(frame * PAGE_BYTES);
}

/* A dying thread leaves at its first step, but keeps the binding for some more. By then another one may be bound. */
static void leave_notification(const struct thread *thread) {
    struct notification *notification = cap_object(&thread->notification);
    if (notification != NULL && notification->bound == thread)
        notification->bound = NULL;
}

/* Bindings lie in the thread, which begins its page, so the thread is found from the slot. That of faults is looked up at each use. */
void thread_unbind(struct cap_slot *slot) {
    assert(cap_binding(slot) > BOUND_THREAD_REPLY && cap_binding(slot) <= BOUND_THREAD_MESSAGE);
    struct thread *thread = (struct thread *)((uintptr_t)slot & ~(uintptr_t)(PAGE_BYTES - 1));
    if (slot == &thread->table)
        forget_table(thread);
    if (slot == &thread->space) {
        thread_stop(thread);
        thread->arch.root = 0;
    }
    if (slot == &thread->notification)
        leave_notification(thread);
    if (slot == &thread->message_memory)
        release_message_frame(thread);
    cap_remove(slot);
}

bool thread_reap_step(struct thread *thread) {
    assert(thread->state == THREAD_STOPPED);
    if (thread->cpu->arch.fpu_owner == thread)
        request_release(thread->cpu, thread);
    assert(thread->cpu->current != thread || thread->cpu->blocked);
    sched_forget(thread);
    cap_remove(&thread->reply);
    release_message_frame(thread);
    leave_notification(thread);
    for (struct cap_slot *binding = &thread->table; binding <= &thread->message_memory; binding++) {
        if (cap_is_empty(binding))
            continue;
        if (!cap_settle(cap_object(binding), STEPS_MAX))
            return false;
        cap_remove(binding);
    }
    return true;
}
