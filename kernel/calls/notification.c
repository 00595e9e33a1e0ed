#include "kernel/calls/notification.h"

#include "kernel/base/tail.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/run/queue.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"
#include "kernel/run/timer.h"

/* A badge limits the bits that can be raised through a capability. */
static bool may_raise(const struct cap_slot *slot, uint64_t bits) {
    return slot->data == 0 || (bits & ~slot->data) == 0;
}

enum status notification_find_source(const struct thread *self, cap_t slot, uint64_t bits, const struct cap_slot *bound,
                                     struct cap_slot **ret_source) {
    struct cap_slot *source = NULL;
    enum status status = slot == 0 ? OK : table_find(self, slot, OBJECT_NOTIFICATION, NOTIFICATION_RAISE, &source);
    if (status == OK && source != NULL)
        status = cap_can_derive(source);
    if (status != OK)
        return status;
    if (source != NULL && (bits == 0 || !may_raise(source, bits)))
        return bits == 0 ? E_ARG : E_RIGHTS;
    *ret_source = source;
    sched_unsettle(arch_this_cpu()); /* the bound notification may die: see arm_timer() in leave.c */
    bool settled = (source == NULL || cap_settle(cap_object(source), STEPS_MAX)) &&
                   (cap_is_empty(bound) || cap_settle(cap_object(bound), STEPS_MAX));
    return settled ? OK : CALL_RESTART;
}

/* Any case of sys_signal_raise, for a capability that was checked. */
NOT_INLINE static struct result raise_any(cap_t notification, uint64_t bits) {
    notification_raise(cap_object(table_slot(caller(), notification)), bits);
    return result(OK);
}

/*
 * The common case: exactly one thread waits, it may run at once (thread_set_direct), and its priority is not above the
 * caller's, so that thread only has to be put into its ready queue.
 */
static inline bool raise_quick(const struct thread *self, struct notification *object, uint64_t bits) {
    struct heap_node *first = heap_first(&object->waiters);
    struct thread *thread = CONTAINER_OF(first, struct thread, wait);
    struct cpu *cpu = self->cpu;
    if (first == NULL || first->left != NULL || (uint64_t)(uintptr_t)thread->direct != cpu->arch.direct ||
        thread->priority > self->priority)
        return false;
    heap_remove_alone(&object->waiters, first);
    thread->wait_heap = NULL;
    thread->arch.frame.words[0] = bits; /* no others are raised, or the thread would not wait */
    thread->arch.frame.status = OK;
    sched_ready_behind(cpu, self, thread);
    return true;
}

struct result sys_signal_raise(cap_t notification, uint64_t bits) {
    struct thread *self = caller();
    struct cap_slot *slot;
    enum status status = table_find(self, notification, OBJECT_NOTIFICATION, NOTIFICATION_RAISE, &slot);
    if (status != OK)
        return result(status);
    if (bits == 0)
        return result(E_ARG);
    if (!may_raise(slot, bits))
        return result(E_RIGHTS);
    if (raise_quick(self, cap_object(slot), bits))
        return result(OK);
    JUMP_TO(raise_any(notification, bits));
}

struct result sys_signal_poll(cap_t notification) {
    struct cap_slot *slot;
    enum status status = table_find(caller(), notification, OBJECT_NOTIFICATION, NOTIFICATION_WAIT, &slot);
    if (status != OK)
        return result(status);
    uint64_t bits = notification_take(cap_object(slot));
    return bits == 0 ? result(E_EMPTY) : result_value(bits);
}

/* Any case of sys_signal_wait in which no bit is raised yet. */
NOT_INLINE static struct result wait_any(cap_t notification, uint64_t deadline_ns) {
    struct thread *self = caller();
    struct notification *object = cap_object(table_slot(self, notification));
    if (deadline_ns != DEADLINE_NEVER && deadline_ns <= arch_clock_ns())
        return result(E_TIMEOUT);
    self->arch.frame.words[0] = 0; /* the value if the wait fails */
    queue_enter(&object->waiters, self);
    timer_set(&self->deadline, self->cpu, deadline_ns); /* unsettles the CPU if there is a deadline */
    return result_blocked(sched_wait(self, THREAD_IN_SIGNAL));
}

/* The common case: no other thread waits, and there is no deadline. */
static inline bool wait_quick(struct thread *self, struct notification *object, uint64_t deadline_ns) {
    if (deadline_ns != DEADLINE_NEVER || !heap_is_empty(&object->waiters))
        return false;
    self->arch.frame.words[0] = 0;
    self->wait_heap = &object->waiters;
    heap_insert_alone(&object->waiters, &self->wait, self->queue_rank);
    return true;
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
    if (wait_quick(self, object, deadline_ns))
        return result_blocked(sched_wait(self, THREAD_IN_SIGNAL));
    JUMP_TO(wait_any(notification, deadline_ns));
}

/*
 * A notification has one timer: setting it again moves it. A deadline that has passed raises the bits at once. The
 * timer raises bits on behalf of the thread that sets it, so that thread needs the right to raise them.
 */
struct result sys_signal_timer(cap_t notification, uint64_t bits, uint64_t deadline_ns) {
    struct cap_slot *slot;
    enum status status =
        table_find(caller(), notification, OBJECT_NOTIFICATION, NOTIFICATION_WAIT | NOTIFICATION_RAISE, &slot);
    if (status != OK)
        return result(status);
    if (bits == 0 && deadline_ns != DEADLINE_NEVER)
        return result(E_ARG);
    if (!may_raise(slot, bits))
        return result(E_RIGHTS);
    struct notification *object = cap_object(slot);
    object->timer_bits = bits;
    timer_set(&object->deadline, arch_this_cpu(), deadline_ns);
    return result(OK);
}
