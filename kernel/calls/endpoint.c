#include "kernel/calls/endpoint.h"

#include "kernel/calls/notification.h"
#include "kernel/ending/binding.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/transfer.h"
#include "kernel/machine/call.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"

uint64_t sys_ep_call(struct thread *self) {
    struct frame *frame = &self->arch.frame;
    uint64_t info = frame->info;
    struct cap_slot *slot;
    enum status status = table_find(self, frame->target, OBJECT_ENDPOINT, ENDPOINT_CALL, &slot);
    if (status == OK)
        status = transfer_check_info(self, info);
    if (status == OK && message_caps(info) > 0 && (cap_rights(slot) & ENDPOINT_GRANT) == 0)
        status = E_RIGHTS;
    if (status != OK)
        return status;
    return endpoint_call(self, slot, info);
}

uint64_t sys_ep_wait(struct thread *self) {
    struct cap_slot *slot;
    enum status status = table_find(self, self->arch.frame.target, OBJECT_ENDPOINT, ENDPOINT_WAIT, &slot);
    if (status == OK && !cap_is_empty(&self->reply))
        status = E_BUSY;
    if (status != OK)
        return status;
    uint64_t received = endpoint_receive(self, cap_object(slot), self->arch.frame.info);
    if (received == CALL_BLOCKED)
        sched_block(self, THREAD_IN_WAIT);
    return received;
}

uint64_t sys_ep_reply(struct thread *self) {
    cap_t index = self->arch.frame.target;
    struct cap_slot *slot = index == 0 ? &self->reply : table_slot(self, index);
    if (slot == NULL || cap_is_empty(slot))
        return E_CAP;
    if (cap_type(slot) != OBJECT_REPLY)
        return E_TYPE;
    struct thread *waiting;
    enum status status = endpoint_answer(self, slot, &waiting);
    if (status == OK && waiting != NULL)
        sched_ready(waiting);
    return status;
}

uint64_t sys_ep_reply_wait(struct thread *self) {
    struct cap_slot *slot;
    enum status status = table_find(self, self->arch.frame.target, OBJECT_ENDPOINT, ENDPOINT_WAIT, &slot);
    struct thread *waiting = NULL;
    if (status == OK && !cap_is_empty(&self->reply))
        status = endpoint_answer(self, &self->reply, &waiting);
    if (status != OK)
        return status;
    uint64_t received = endpoint_receive(self, cap_object(slot), DEADLINE_NEVER);
    if (received == CALL_BLOCKED && waiting != NULL) {
        sched_swap(self, THREAD_IN_WAIT, waiting);
    } else if (received == CALL_BLOCKED) {
        sched_block(self, THREAD_IN_WAIT);
    } else if (waiting != NULL) {
        sched_ready(waiting);
    }
    return received;
}

/* Binding again replaces the bound notification; notification 0 only unbinds. */
struct result sys_endpoint_watch(cap_t endpoint, cap_t notification, uint64_t bits) {
    struct thread *self = caller();
    struct cap_slot *slot, *source;
    enum status status = table_find(self, endpoint, OBJECT_ENDPOINT, ENDPOINT_WAIT, &slot);
    if (status != OK)
        return result(status);
    struct endpoint *object = cap_object(slot);
    status = notification_find_source(self, notification, bits, &object->watch, &source);
    if (status != OK)
        return result(status);
    if (!cap_is_empty(&object->watch))
        watch_unbind(&object->watch);
    if (source == NULL)
        return result(OK);
    object->watch.previous = BOUND_ENDPOINT_WATCH;
    cap_derive(&object->watch, source, cap_rights(source), source->data);
    object->watch_bits = bits;
    object->object.watched = true;
    return result(OK);
}
