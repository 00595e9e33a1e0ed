#include "kernel/ipc/notification.h"

#include "kernel/memory/pool.h"
#include "kernel/run/queue.h"
#include "kernel/run/wait.h"

struct notification *notification_make(struct pool *pool) {
    struct notification *notification = pool_take(pool, sizeof(struct notification));
    if (notification == NULL)
        return NULL;
    object_init(&notification->object, OBJECT_NOTIFICATION, pool, sizeof(struct notification));
    notification->deadline.kind = DEADLINE_NOTIFICATION;
    return notification;
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
    notification_tell_bound(notification);
}

void notification_tell_bound(struct notification *notification) {
    struct thread *thread = notification->bound;
    if (thread != NULL && thread->state == THREAD_IN_WAIT && notification->bits != 0) {
        thread_cancel(thread);
        thread->arch.frame.target = 0;
        thread->arch.frame.info = MESSAGE_INFO(0, 1, 0) | (uint64_t)MESSAGE_NOTIFICATION << 12;
        thread->arch.frame.words[0] = notification_take(notification);
        thread_wake(thread, OK);
    }
}
