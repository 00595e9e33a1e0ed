/*
 * Threads: registers, a priority and bindings. Bindings are capabilities that lie in the thread, so revoking their
 * ancestor takes them away, and an object lives while a thread is bound to it.
 *
 *   thread.state           held by
 *   STOPPED                nothing; resume makes it ready if it has a space
 *   READY                  cpu.ready[priority] (thread.run)
 *   RUNNING                cpu.current
 *   IN_CALL, not answered  endpoint.senders (thread.wait) until a server takes the message, then a Reply capability
 *                          somewhere (thread.reply_slot)
 *   IN_WAIT                endpoint.receivers (thread.wait)
 *   IN_SIGNAL              notification.waiters (thread.wait)
 *   IN_FAULT               as IN_CALL; the message is the fault
 */
#pragma once

#include "kernel/arch.h" /* struct arch_thread */
#include "kernel/cap/cap.h"
#include "kernel/run/deadline.h"

struct cpu;
struct space;
struct table;

#define FIRST_THREAD 1U          /* the id of the first program's */
#define QUEUE_PRIORITY_SHIFT 58U /* queue.h */
#define QUEUE_MIDDLE (1ULL << 57)

struct thread {
    struct object object;
    struct arch_thread arch; /* registers, saved here by the CPU and the entry code themselves */

    uint8_t state; /* enum thread_run_state */
    uint8_t priority;
    bool foreign;                 /* its system calls go to its fault endpoint */
    bool suspended;               /* stop as soon as its wait is over */
    uint32_t message_frame;       /* held in the ledger for the message page; 0: none */
    struct message_page *message; /* that frame in the direct map; NULL: none */
    struct cpu *cpu;
    struct cpu *direct;      /* thread_set_direct */
    struct cap_slot *slots;  /* of its table; without one, an empty slot */
    uint64_t slot_count;     /* number of slots */
    uint64_t queue_rank;     /* its place in an empty queue: queue.h */
    uint64_t reply_head;     /* `head` of a Reply capability for this thread */
    uint64_t slice_left_ns;  /* READY after a preemption: rest of its slice; 0: a whole slice */
    uint64_t cpu_time_ticks; /* of its time slices, with the work of servers for it */

    struct list_node run;   /* READY: cpu->ready[priority] */
    struct heap *wait_heap; /* the queue this thread is in; NULL: none */
    struct heap_node wait;
    struct deadline deadline; /* timeout of the wait */

    /*
     * IN_CALL, IN_FAULT: the message until a server takes it. Its words stay in the frame or the message page, and the
     * capability by which it is sent stays in its slot; the words of a fault are made when it is taken.
     */
    uint64_t call_info;
    uint64_t fault_kind; /* enum fault_kind */
    uint64_t fault_address;
    uint64_t fault_access;

    struct cap_slot *reply_slot; /* where the right to answer this thread lies; NULL: nowhere */

    /* In the order of enum cap_binding. */
    struct cap_slot reply; /* the right to answer this thread's current client */
    struct cap_slot table; /* bindings; lost if the capability is revoked or its object dies */
    struct cap_slot space;
    struct cap_slot fault_endpoint;
    struct cap_slot notification;
    struct cap_slot message_memory;

    uint64_t reaps; /* the place (pile.h) of the object that its cap_delete killed, whose end it awaits; 0: none */
    uint32_t id;    /* from 1 on, in order of creation; its name in traces */
};

/* Lock: kernel lock, for everything here. */

/*
 * Make a thread from a cleared page of `pool`: stopped, bound to nothing. NULL: no memory. The caller's cap_set_first
 * publishes it.
 */
struct thread *thread_make(struct pool *pool);

static inline struct space *thread_space(const struct thread *thread) { return cap_object(&thread->space); }

/*
 * Note on which CPU a message may make `thread` run at once when it waits: its own, or none if more than the message
 * has to be looked at (it is suspended or foreign, or its wait has a deadline). Call when one of these changes.
 */
void thread_set_direct(struct thread *thread);
extern struct cap_slot no_slot;                  /* the one slot of a thread without a table, always empty */
void thread_forget_table(struct thread *thread); /* from now on it looks capabilities up in no_slot */
void thread_set_priority(struct thread *thread, uint8_t priority);

/* Put a one-shot right to answer `caller` into an empty slot. */
static inline void cap_set_reply(struct cap_slot *slot, struct thread *caller) {
    slot->head = caller->reply_head;
    caller->reply_slot = slot;
}

/* Move the Reply in `source` to `slot`. `source` becomes empty. */
static inline void cap_move_reply(struct cap_slot *slot, struct cap_slot *source) {
    cap_set_reply(slot, cap_object(source));
    source->head = 0;
}

/* Empty the slot of a Reply, without notice: it was used, or its thread does not wait any more. */
static inline void cap_clear_reply(struct cap_slot *slot) {
    ((struct thread *)cap_object(slot))->reply_slot = NULL;
    slot->head = 0;
}
