#include "kernel/notification.h"

#include "kernel/call.h"
#include "kernel/pool.h"
#include "kernel/queue.h"
#include "kernel/sched.h"
#include "kernel/table.h"

struct notification *notification_make(struct pool *pool) {
    struct notification *notification = pool_take(pool, sizeof(struct notification));
    if (notification == NULL)
        return NULL;
    object_init(&notification->object, OBJECT_NOTIFICATION, pool, sizeof(struct notification));
    notification->deadline.kind = DEADLINE_NOTIFICATION;
    return notification;
}

bool notification_reap_step(struct notification *notification) {
    timer_cancel(&notification->deadline);
    struct thread *waiter = queue_first(&notification->waiters);
    if (waiter == NULL)
        return true;
    thread_cancel(waiter);
    thread_wake(waiter, E_PEER);
    return false;
}

void notification_raise(struct notification *notification, uint64_t bits) {
    notification->bits |= bits;
    struct thread *thread = queue_first(&notification->waiters);
    if (thread != NULL) {
        thread_cancel(thread);
        thread->arch.frame.words[0] = notification_take(notification);
        thread_wake(thread, OK);
        return;
    }
    thread = notification->bound;
    if (thread != NULL && thread->state == THREAD_IN_WAIT) {
        thread_cancel(thread);
        thread->arch.frame.target = 0;
        thread->arch.frame.info = MESSAGE_INFO(0, 1, 0) | (uint64_t)MESSAGE_NOTIFICATION << 12;
        thread->arch.frame.words[0] = notification_take(notification);
        thread_wake(thread, OK);
    }
}

/* A badge on the capability limits the bits that can be raised through it. */
struct result sys_signal_raise(cap_t notification, uint64_t bits) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), notification, OBJECT_NOTIFICATION, NOTIFICATION_RAISE, &slot);
    if (status != OK)
        return result(status);
    if (bits == 0)
        return result(E_ARG);
    if (slot->data != 0 && (bits & ~slot->data) != 0)
        return result(E_RIGHTS);
    notification_raise(cap_object(slot), bits);
    return result(OK);
}

struct result sys_signal_poll(cap_t notification) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), notification, OBJECT_NOTIFICATION, NOTIFICATION_WAIT, &slot);
    if (status != OK)
        return result(status);
    uint64_t bits = notification_take(cap_object(slot));
    return bits == 0 ? result(E_EMPTY) : result_value(bits);
}

struct result sys_signal_wait(cap_t notification, uint64_t deadline_ns) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, notification, OBJECT_NOTIFICATION, NOTIFICATION_WAIT, &slot);
    if (status != OK)
        return result(status);
    struct notification *object = cap_object(slot);
    if (object->bits != 0)
        return result_value(notification_take(object));
    if (deadline_ns != DEADLINE_NEVER && deadline_ns <= arch_clock_ns())
        return result(E_TIMEOUT);
    self->arch.frame.words[0] = 0; /* the value, should the wait fail */
    sched_block(self, THREAD_IN_SIGNAL);
    queue_enter(&object->waiters, self);
    if (deadline_ns != DEADLINE_NEVER)
        timer_set(&self->deadline, self->cpu, deadline_ns);
    return result(CALL_BLOCKED);
}

/* One timer a notification: setting it again moves it. A deadline that has passed raises the bits at once. */
struct result sys_signal_timer(cap_t notification, uint64_t bits, uint64_t deadline_ns) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), notification, OBJECT_NOTIFICATION, NOTIFICATION_WAIT, &slot);
    if (status != OK)
        return result(status);
    if (bits == 0 && deadline_ns != DEADLINE_NEVER)
        return result(E_ARG);
    struct notification *object = cap_object(slot);
    object->timer_bits = bits;
    timer_set(&object->deadline, arch_this_cpu(), deadline_ns);
    return result(OK);
}
