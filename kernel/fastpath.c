#include "kernel/fastpath.h"

#include "kernel/cpu.h"
#include "kernel/endpoint.h"
#include "kernel/notification.h"
#include "kernel/queue.h"
#include "kernel/sched.h"
#include "kernel/table.h"
#include "kernel/transfer.h"

uint8_t fastpath_barred;

void fastpath_bar(enum fastpath_bar reason, bool barred) {
    if (barred)
        fastpath_barred |= (uint8_t)reason;
    else
        fastpath_barred &= (uint8_t)~reason;
}

/* The endpoint in the caller's slot, if it is one and the right is there; else NULL. */
static inline struct cap_slot *endpoint_slot(const struct thread *self, uint32_t right) {
    struct cap_slot *slot = table_slot(self, self->arch.frame.target);
    uint64_t wanted = (uint64_t)right << 8 | OBJECT_ENDPOINT;
    return slot != NULL && (slot->head & ((uint64_t)right << 8 | 0xff)) == wanted ? slot : NULL;
}

/* Can `thread`, which waits, run here and now in the place of the running one? */
static inline bool can_take_over(const struct cpu *cpu, const struct thread *thread) {
    return thread->cpu == cpu && !thread->suspended && !heap_contains_node(&thread->deadline.node) &&
           cpu->ready_bitmap >> thread->priority == 0;
}

/* Words only: no capabilities, no flags. Those beyond the registers need both message pages. */
static inline bool can_move_message(const struct thread *from, const struct thread *to) {
    uint64_t info = from->arch.frame.info;
    return transfer_is_short(info) || ((uint32_t)info <= MESSAGE_WORDS && from->message != NULL && to->message != NULL);
}

static inline void move_message(const struct thread *from, struct thread *to, uint64_t target) {
    uint64_t info = from->arch.frame.info;
    transfer_registers(from, to);
    if (!transfer_is_short(info))
        transfer_long_words(from, to, message_words(info));
    to->arch.frame.target = target;
    to->arch.frame.info = info;
    to->arch.frame.status = OK;
}

bool fastpath_call(struct cpu *cpu, struct thread *self) {
    const struct cap_slot *slot = endpoint_slot(self, ENDPOINT_CALL);
    if (slot == NULL)
        return false;
    struct endpoint *endpoint = cap_object(slot);
    struct thread *receiver = queue_first(&endpoint->receivers);
    if (receiver == NULL || receiver->wait.left != NULL || !can_take_over(cpu, receiver) ||
        !can_move_message(self, receiver))
        return false;

    queue_leave_alone(receiver);
    move_message(self, receiver, slot->data);
    cap_set_reply(&receiver->reply, self);
    self->state = THREAD_IN_CALL;
    sched_switch(cpu, receiver);
    return true;
}

bool fastpath_reply_wait(struct cpu *cpu, struct thread *self) {
    const struct cap_slot *slot = endpoint_slot(self, ENDPOINT_WAIT);
    if (slot == NULL || cap_is_empty(&self->reply))
        return false;
    struct endpoint *endpoint = cap_object(slot);
    struct thread *waiting = cap_object(&self->reply);
    const struct notification *notification = cap_object(&self->notification);
    bool resumes = waiting->state == THREAD_IN_FAULT;
    if (!heap_is_empty(&endpoint->senders) || !heap_is_empty(&endpoint->receivers) ||
        (notification != NULL && notification->bits != 0) || !can_take_over(cpu, waiting) ||
        !can_move_message(self, waiting) || (resumes && message_label(self->arch.frame.info) != FAULT_RESUME))
        return false;

    if (!resumes)
        move_message(self, waiting, 0);
    cap_clear_reply(&self->reply);
    queue_enter_alone(&endpoint->receivers, self);
    self->state = THREAD_IN_WAIT;
    sched_switch(cpu, waiting);
    return true;
}
