#include "kernel/ipc/endpoint.h"

#include "kernel/base/string.h"
#include "kernel/ipc/notification.h"
#include "kernel/ipc/transfer.h"
#include "kernel/machine/call.h"
#include "kernel/machine/log.h"
#include "kernel/memory/pool.h"
#include "kernel/run/queue.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"
#include "kernel/run/timer.h"
#include "kernel/run/trace.h"
#include "kernel/run/wait.h"

#define SENDERS_REFUSED_MAX 4U /* with messages that can't be delivered, in one stay */

struct endpoint *endpoint_make(struct pool *pool) {
    struct endpoint *endpoint = pool_take(pool, sizeof(struct endpoint));
    if (endpoint != NULL)
        object_init(&endpoint->object, OBJECT_ENDPOINT, pool, sizeof(struct endpoint));
    return endpoint;
}

/*
 * Give `receiver`, which is out of its queue, the message of `sender`. The words of the message are there already. From
 * now on `sender` waits for the answer.
 */
static void deliver(struct thread *sender, struct thread *receiver, uint64_t badge, uint64_t info) {
    cap_set_reply(&receiver->reply, sender);
    receiver->arch.frame.target = badge;
    receiver->arch.frame.info = info;
    receiver->arch.frame.status = OK;
    if (trace_wants(TRACE_MESSAGE))
        trace_note_message(sender, receiver, info, false);
}

static void receiver_leave(struct thread *receiver) {
    queue_leave(receiver);
    timer_cancel(&receiver->deadline);
}

/* Block the running thread. The receiver, which has its message, runs, or stops if it is suspended. */
static void hand_over(struct thread *running, enum thread_run_state state, struct thread *receiver) {
    if (receiver->suspended) {
        sched_block(running, state);
        thread_wake(receiver, OK);
    } else {
        sched_swap(running, state, receiver);
    }
}

/* Queue the sender until a server comes. */
static void wait_for_server(struct thread *sender, struct endpoint *endpoint, uint64_t info) {
    sender->call_info = info;
    queue_enter(&endpoint->senders, sender);
}

/*
 * Look up again the capability by which a queued sender sends. It may have been taken away while the sender waited, and
 * its badge given to another client. So a message never has a badge that its sender does not hold. NULL: the sender has
 * no such capability any more.
 */
static const struct cap_slot *find_sender_cap(const struct thread *sender, const struct endpoint *endpoint) {
    const struct cap_slot *slot = &sender->fault_endpoint;
    if (sender->state == THREAD_IN_CALL)
        slot = table_slot(sender, sender->arch.frame.target);
    uint32_t rights = message_caps(sender->call_info) > 0 ? ENDPOINT_CALL | ENDPOINT_GRANT : ENDPOINT_CALL;
    bool speaks = slot != NULL && cap_type(slot) == OBJECT_ENDPOINT && cap_object(slot) == endpoint &&
                  (cap_rights(slot) & rights) == rights;
    return speaks ? slot : NULL;
}

uint64_t endpoint_call(struct thread *self, const struct cap_slot *slot, uint64_t info) {
    struct endpoint *endpoint = cap_object(slot);
    struct thread *receiver = queue_first(&endpoint->receivers);
    uint64_t deadline_ns = (info & MESSAGE_DEADLINE) != 0 ? self->message->deadline_ns : DEADLINE_NEVER;
    if (receiver == NULL) {
        wait_for_server(self, endpoint, info);
        sched_block(self, THREAD_IN_CALL);
    } else {
        enum status status = transfer_message(self, receiver, info);
        if (status != OK)
            return status;
        receiver_leave(receiver);
        deliver(self, receiver, slot->data, transfer_delivered(info));
        hand_over(self, THREAD_IN_CALL, receiver);
    }
    if (deadline_ns != DEADLINE_NEVER)
        timer_set(&self->deadline, self->cpu, deadline_ns);
    return CALL_BLOCKED;
}

#define LOG_FAULT_BYTES 96U /* length of the line */

__attribute__((noinline)) static void stop_unheard(struct thread *thread) {
    if (pool_pays_log(thread->object.pool, LOG_FAULT_BYTES))
        log_line(LOG_WARN, "fault", "kind %u at rip %x, address %x, access %x: no fault endpoint, thread stopped",
                 thread->fault_kind, thread->arch.frame.rip, thread->fault_address, thread->fault_access);
    sched_block(thread, THREAD_STOPPED);
}

static void send_fault(struct thread *thread) {
    if (cap_is_empty(&thread->fault_endpoint)) {
        stop_unheard(thread);
        return;
    }
    struct endpoint *endpoint = cap_object(&thread->fault_endpoint);
    struct thread *receiver = queue_first(&endpoint->receivers);
    if (receiver == NULL) {
        sched_block(thread, THREAD_IN_FAULT);
        wait_for_server(thread, endpoint, 0);
        return;
    }
    receiver_leave(receiver);
    deliver(thread, receiver, thread->fault_endpoint.data, transfer_fault(thread, receiver));
    hand_over(thread, THREAD_IN_FAULT, receiver);
}

__attribute__((noinline)) static void trace_and_send(struct thread *thread) {
    trace_note_fault(thread);
    send_fault(thread);
}

void fault_raise(struct thread *thread, enum fault_kind kind, uint64_t address, uint64_t access) {
    thread->fault_kind = kind;
    thread->fault_address = address;
    thread->fault_access = access;
    if (trace_wants(TRACE_FAULT))
        trace_and_send(thread);
    else
        send_fault(thread);
}

uint64_t endpoint_receive(struct thread *self, struct endpoint *endpoint, uint64_t deadline_ns) {
    struct frame *frame = &self->arch.frame;
    struct notification *notification = cap_object(&self->notification);
    if (notification != NULL && notification->bits != 0) {
        frame->target = 0;
        frame->info = MESSAGE_INFO(0, 1, 0) | (uint64_t)MESSAGE_NOTIFICATION << 12;
        frame->words[0] = notification_take(notification);
        return OK;
    }
    for (uint32_t refused = 0; refused < SENDERS_REFUSED_MAX; refused++) {
        struct thread *sender = queue_first(&endpoint->senders);
        if (sender == NULL) {
            if (deadline_ns != DEADLINE_NEVER && deadline_ns <= arch_clock_ns())
                return E_TIMEOUT;
            queue_enter_first(&endpoint->receivers, self);
            endpoint->home = self->cpu;
            if (deadline_ns != DEADLINE_NEVER)
                timer_set(&self->deadline, self->cpu, deadline_ns);
            return CALL_BLOCKED;
        }
        const struct cap_slot *speaks_by = find_sender_cap(sender, endpoint);
        uint64_t info = transfer_delivered(sender->call_info);
        enum status status = speaks_by == NULL ? E_CAP : OK;
        if (status == OK && sender->state == THREAD_IN_FAULT)
            info = transfer_fault(sender, self);
        else if (status == OK)
            status = transfer_message(sender, self, info);
        if (status == OK) {
            queue_leave(sender);
            deliver(sender, self, speaks_by->data, info);
            return OK;
        }
        thread_refuse(sender, status);
    }
    return E_CANCEL; /* many bad messages in a row: let interrupts in; servers wait again after any error */
}

/* Apply the answer to a fault to the faulting thread. True: it runs on. *ret_status E_ARG: the answer is malformed. */
static bool answer_fault(const struct thread *self, struct thread *faulted, uint64_t info, enum status *ret_status) {
    *ret_status = OK;
    switch (message_label(info)) {
    case FAULT_RESUME:
        return true;
    case FAULT_STOP:
        return false;
    case FAULT_WRITE: {
        if (self->message == NULL || message_words(info) < FAULT_WORDS) {
            *ret_status = E_ARG;
            return false;
        }
        struct fault_message fault;
        memory_move(&fault, self->message->words, sizeof fault);
        if (!arch_registers_valid(&fault.registers)) {
            *ret_status = E_ARG;
            return false;
        }
        arch_registers_write(faulted, &fault.registers);
        return true;
    }
    default:
        *ret_status = E_ARG;
        return false;
    }
}

enum status endpoint_answer(struct thread *self, struct cap_slot *slot, struct thread **ret_caller) {
    struct thread *waiting = cap_object(slot);
    uint64_t info = self->arch.frame.info;
    enum status status = transfer_check_info(self, info);
    if (status != OK)
        return status;
    bool runs = true;
    if (waiting->state == THREAD_IN_FAULT) {
        runs = answer_fault(self, waiting, info, &status);
        if (status != OK)
            return status;
    } else {
        status = transfer_message(self, waiting, info);
        if (status != OK)
            return status;
        waiting->arch.frame.target = 0;
        waiting->arch.frame.info = transfer_delivered(info);
        waiting->arch.frame.status = OK;
    }
    timer_cancel(&waiting->deadline);
    cap_clear_reply(slot);
    waiting->state = THREAD_STOPPED;
    *ret_caller = runs && !waiting->suspended ? waiting : NULL;
    if (trace_wants(TRACE_MESSAGE))
        trace_note_message(self, waiting, info, true);
    return OK;
}
