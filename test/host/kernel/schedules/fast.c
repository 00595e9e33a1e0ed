/*
 * The fast path, which works without the kernel lock (lock.h), as in arch/x86_64/syscall.S from fast_call and
 * fast_reply on. Messages with more words than registers take the long way here, like messages with capabilities on
 * several CPUs. Like the generic kernel it is compiled so that loads and stores are steps.
 */
#include "kernel/abi/message.h"
#include "kernel/arch.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"
#include "kernel/run/table.h"
#include "test/host/kernel/schedules/world.h"

#define FAST_TRIES 3U /* attempts to find the lock free */

static void leave(struct cpu *cpu) { __atomic_store_n(&cpu->arch.fast, 0, __ATOMIC_RELEASE); }

/* As ENTER_FAST and fast_busy. It waits only briefly, since it answers no requests meanwhile. */
static bool enter(struct cpu *cpu) {
    for (uint32_t tries = FAST_TRIES; tries > 0; tries--) {
        (void)__atomic_fetch_or(&cpu->arch.fast, 1, __ATOMIC_SEQ_CST);
        if (!kernel_lock_is_held())
            return true;
        leave(cpu);
    }
    return false;
}

/* CHECK_DIRECT */
static bool takes_over(const struct cpu *cpu, const struct thread *thread) {
    return (uint64_t)(uintptr_t)thread->direct == cpu->arch.direct && cpu->ready_bitmap >> thread->priority == 0;
}

/* As SWITCH, and the registers that do not hold the message. */
static void run(struct cpu *cpu, struct thread *to, struct live *live, uint64_t target) {
    cpu->current = to;
    arch_switch(cpu, to);
    leave(cpu);
    live->rip = to->arch.frame.rip;
    live->rsp = to->arch.frame.rsp;
    live->status = OK;
    live->target = target;
}

static bool call(struct cpu *cpu, struct live *live) {
    struct thread *self = cpu->current;
    struct cap_slot *slot;
    if (table_find(self, live->target, OBJECT_ENDPOINT, ENDPOINT_CALL, &slot) != OK)
        return false;
    struct endpoint *endpoint = cap_object(slot);
    struct heap_node *first = endpoint->receivers.root;
    if (first == NULL || first->right != NULL)
        return false;
    struct thread *receiver = CONTAINER_OF(first, struct thread, wait);
    if (!takes_over(cpu, receiver) || (uint32_t)live->info > MESSAGE_REGISTERS)
        return false;
    struct heap_node *heir = first->left;
    if (heir != NULL)
        heir->parent = first->left = NULL;
    __atomic_store_n(&endpoint->receivers.root, heir, __ATOMIC_RELEASE);
    first->rank = 0;
    receiver->wait_heap = NULL;
    receiver->reply.head = self->reply_head;
    self->reply_slot = &receiver->reply;
    self->state = THREAD_IN_CALL;
    receiver->state = THREAD_RUNNING;
    run(cpu, receiver, live, slot->data);
    return true;
}

static bool has_signal(const struct thread *self) {
    const struct notification *notification = cap_object(&self->notification);
    return notification != NULL && notification->bits != 0;
}

/* not_alone: may this thread go before the first of the receivers? */
static bool goes_first(const struct cpu *cpu, const struct thread *self, const struct heap_node *first) {
    return first == NULL || ((first->key ^ self->queue_rank) >> QUEUE_PRIORITY_SHIFT == 0 &&
                             (uint64_t)(uintptr_t)CONTAINER_OF(first, struct thread, wait)->direct == cpu->arch.direct);
}

/* COMMIT_REPLY */
static void answer(struct thread *self, struct endpoint *endpoint, struct thread *caller) {
    caller->reply_slot = NULL;
    self->reply.head = 0;
    struct heap_node *first = endpoint->receivers.root;
    endpoint->receivers.root = &self->wait;
    self->wait_heap = &endpoint->receivers;
    self->wait.key = first == NULL ? self->queue_rank : first->key;
    self->wait.left = first;
    if (first != NULL)
        first->parent = &self->wait;
    self->wait.rank = 1;
    self->state = THREAD_IN_WAIT;
    caller->state = THREAD_RUNNING;
}

static bool reply(struct cpu *cpu, struct live *live) {
    struct thread *self = cpu->current;
    struct cap_slot *slot;
    if (table_find(self, live->target, OBJECT_ENDPOINT, ENDPOINT_WAIT, &slot) != OK)
        return false;
    struct endpoint *endpoint = cap_object(slot);
    struct thread *caller = cap_object(&self->reply);
    if (caller == NULL || endpoint->senders.root != NULL || !goes_first(cpu, self, endpoint->receivers.root) ||
        has_signal(self) || !takes_over(cpu, caller) || endpoint->home != cpu ||
        (uint32_t)live->info > MESSAGE_REGISTERS)
        return false;
    bool is_call = caller->state == THREAD_IN_CALL;
    if (!is_call && (caller->state != THREAD_IN_FAULT || live->info != (uint32_t)live->info))
        return false;
    answer(self, endpoint, caller);
    run(cpu, caller, live, 0);
    if (!is_call)
        entry_leave(live);
    return true;
}

bool fast_path(struct cpu *cpu, struct live *live) {
    if (live->status != SYS_ep_call && live->status != SYS_ep_reply_wait)
        return false;
    if (!enter(cpu))
        return false;
    bool done = live->status == SYS_ep_call ? call(cpu, live) : reply(cpu, live);
    if (!done)
        leave(cpu);
    return done;
}
