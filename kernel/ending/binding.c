#include "kernel/ending/binding.h"

#include "kernel/ending/cap.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/irq.h"
#include "kernel/ipc/notification.h"
#include "kernel/memory/space.h"
#include "kernel/run/table.h"
#include "kernel/run/trace.h"
#include "kernel/run/wait.h"

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
    release_message_frame(thread);        /* also boot's, which has no capability */
    if (frame == 0 || !frame_hold(frame)) /* the caller has checked that it can be held */
        return;
    thread->message_frame = (uint32_t)frame;
    thread->message = arch_pointer(frame * PAGE_BYTES);
}

/*
 * A dying thread leaves its notification in its first step of the reaper, but keeps the binding for some more. By then
 * another thread may be bound.
 */
static void leave_notification(const struct thread *thread) {
    struct notification *notification = cap_object(&thread->notification);
    if (notification != NULL && notification->bound == thread)
        notification->bound = NULL;
}

void thread_leave(struct thread *thread) {
    release_message_frame(thread);
    leave_notification(thread);
}

/*
 * A thread lies at the start of a page, and its bindings in that page, so the slot leads to the thread. The fault
 * endpoint needs nothing here: it is looked up at each use.
 */
void thread_unbind(struct cap_slot *slot) {
    assert(cap_binding(slot) > BOUND_THREAD_REPLY && cap_binding(slot) <= BOUND_THREAD_MESSAGE);
    struct thread *thread = (struct thread *)((uintptr_t)slot & ~(uintptr_t)(PAGE_BYTES - 1));
    if (slot == &thread->table)
        thread_forget_table(thread);
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

void irq_unbind(struct cap_slot *slot) {
    struct irq_line *line = CONTAINER_OF(slot, struct irq_line, notification);
    arch_irq_mask((uint32_t)(line - irq_lines));
    cap_remove(slot);
}

void trace_unbind(struct cap_slot *slot) {
    trace_stop();
    cap_remove(slot);
}

void watch_unbind(struct cap_slot *slot) {
    CONTAINER_OF(slot, struct endpoint, watch)->object.watched = false;
    cap_remove(slot);
}

void cap_take_away(struct cap_slot *slot) {
    switch (cap_binding(slot)) {
    case BOUND_NOT:
    case BOUND_THREAD_REPLY:
        cap_remove(slot);
        break;
    case BOUND_THREAD_TABLE:
    case BOUND_THREAD_SPACE:
    case BOUND_THREAD_FAULT:
    case BOUND_THREAD_NOTIFICATION:
    case BOUND_THREAD_MESSAGE:
        thread_unbind(slot);
        break;
    case BOUND_IRQ_LINE:
        irq_unbind(slot);
        break;
    case BOUND_TRACE:
        trace_unbind(slot);
        break;
    case BOUND_ENDPOINT_WATCH:
        watch_unbind(slot);
        break;
    }
}

/*
 * The children of removed capabilities stay too deep for a while. That is no harm here: all of them follow `root` and
 * are deeper.
 */
bool cap_revoke_some(struct cap_slot *root, uint32_t count) {
    struct object *object = cap_object(root);
    struct cap_slot *next = cap_next(root);
    while (next != NULL && cap_depth(next) > cap_depth(root) && count-- > 0) {
        object->adjust_at = NULL;
        cap_take_away(next);
        next = cap_next(root);
    }
    object->adjust_at = NULL;
    /* The reaper unlinks slots of a dying object without looking at `adjust_at`, so a note would outlive its slot. */
    if (next != NULL && !object->dying)
        cap_note_orphans(object, next, cap_depth(root) + 1);
    return next == NULL || cap_depth(next) <= cap_depth(root);
}
