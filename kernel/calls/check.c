/*
 * Users' objects are found through the pools that they were made from; boot's objects through the capabilities in the
 * tables.
 */
#include "kernel/calls/check.h"

#include "kernel/ending/pile.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/irq.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/lock.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/table.h"
#include "kernel/run/trace.h"

/* Does `holds` return true for every living object of this type? */
static bool each_object(enum object_type type, bool (*holds)(struct object *object)) {
    for (struct list_node *at = list_first(&all_pools); at != &all_pools.head; at = at->next) {
        const struct pool *pool = CONTAINER_OF(at, struct pool, object.in_pool);
        for (struct list_node *node = list_first(&pool->objects); node != &pool->objects.head; node = node->next) {
            struct object *object = CONTAINER_OF(node, struct object, in_pool);
            if (object->type == type && !holds(object))
                return false;
        }
    }
    return true;
}

static uint64_t ready_total;

static bool ready_queues_hold(const struct cpu *cpu) {
    for (uint32_t priority = 0; priority < PRIORITIES; priority++) {
        const struct list *queue = &cpu->ready[priority];
        bool marked = (cpu->ready_bitmap >> priority & 1) != 0;
        if (marked == list_is_empty(queue))
            return false;
        for (const struct list_node *node = list_first(queue); node != &queue->head; node = node->next) {
            const struct thread *thread = CONTAINER_OF(node, struct thread, run);
            if (thread->object.dying || thread->state != THREAD_READY || thread->priority != priority ||
                thread->cpu != cpu || node->next->previous != node)
                return false;
            ready_total++;
        }
    }
    return true;
}

/*
 * Are the copies right that the fast path reads instead of looking things up, and is the deadline charged to the
 * thread's priority?
 */
static bool thread_copies_hold(const struct thread *thread) {
    const struct table *table = cap_object(&thread->table);
    const struct space *space = cap_object(&thread->space);
    const struct deadline *deadline = &thread->deadline;
    bool has_deadline = heap_contains_node(&deadline->node);
    bool plain = !thread->suspended && !thread->foreign && !has_deadline;
    if (has_deadline && (deadline->priority != thread->priority || deadline->cpu != thread->cpu))
        return false;
    return thread->direct == (plain ? thread->cpu : NULL) &&
           thread->slots == (table == NULL ? &no_slot : table->slots) &&
           thread->slot_count == (table == NULL ? 1 : table->slot_count) && cap_is_empty(thread->slots) &&
           thread->arch.root == (space == NULL ? 0 : space->root) &&
           thread->queue_rank >> 58 == PRIORITY_HIGHEST - thread->priority && cap_unpack(thread->reply_head) == thread;
}

/*
 * Does a CPU watch the calls of a foreign thread? Does it allow the fast path exactly when it watches no calls and the
 * FPU has no owner?
 */
static bool cpu_copies_hold(const struct cpu *cpu) {
    bool watched = cpu->arch.call_limit == 0;
    bool foreign = cpu->current != NULL && cpu->current->foreign;
    bool direct = cpu->arch.direct == (uint64_t)(uintptr_t)cpu;
    return (watched || !foreign) && direct == (!watched && cpu->arch.fpu_owner == NULL);
}

/* Is the thread where its state says? */
static bool thread_state_holds(struct object *object) {
    const struct thread *thread = CONTAINER_OF(object, struct thread, object);
    if (!thread_copies_hold(thread))
        return false;
    bool queued = heap_contains_node(&thread->wait);
    bool answered = thread->reply_slot != NULL;
    if (queued != (thread->wait_heap != NULL))
        return false;
    switch ((enum thread_run_state)thread->state) {
    case THREAD_READY:
        ready_total--;
        return !queued && !answered && list_contains_node(&thread->run);
    case THREAD_RUNNING:
        return !queued && !answered && thread->cpu->current == thread;
    case THREAD_STOPPED:
        return !queued && !answered && !list_contains_node(&thread->run);
    case THREAD_IN_CALL:
    case THREAD_IN_FAULT:
        return queued != answered;
    case THREAD_IN_WAIT:
    case THREAD_IN_SIGNAL:
        return queued && !answered;
    }
    return false;
}

/* Has a CPU with a ready thread of higher priority been told (sched_unsettle), so that it enters the kernel for it? */
static bool cpu_is_told(const struct cpu *cpu) {
    bool runs = !cpu->blocked && cpu->current != NULL;
    uint64_t better = runs ? cpu->ready_bitmap >> cpu->current->priority >> 1 : cpu->ready_bitmap;
    return cpu->unsettled || better == 0;
}

static bool threads_hold(void) {
    ready_total = 0;
    for (uint32_t i = 0; i < cpu_total; i++) {
        if (!ready_queues_hold(cpus[i]) || !cpu_copies_hold(cpus[i]) || !cpu_is_told(cpus[i]))
            return false;
    }
    return each_object(OBJECT_THREAD, thread_state_holds) && ready_total == 0;
}

static bool heap_holds(const struct heap *heap) {
    uint64_t count;
    return heap_is_well_formed(heap, &count);
}

static bool endpoint_holds(struct object *object) {
    const struct endpoint *endpoint = CONTAINER_OF(object, struct endpoint, object);
    return heap_holds(&endpoint->senders) && heap_holds(&endpoint->receivers) &&
           (heap_is_empty(&endpoint->senders) || heap_is_empty(&endpoint->receivers));
}

static bool notification_holds(struct object *object) {
    const struct notification *notification = CONTAINER_OF(object, struct notification, object);
    const struct thread *bound = notification->bound;
    return heap_holds(&notification->waiters) && (notification->bits == 0 || heap_is_empty(&notification->waiters)) &&
           (bound == NULL || cap_object(&bound->notification) == notification);
}

static bool queues_hold(void) {
    for (uint32_t i = 0; i < cpu_total * PRIORITIES; i++) {
        const struct heap *deadlines = &cpus[i / PRIORITIES]->deadlines[i % PRIORITIES];
        bool marked = (cpus[i / PRIORITIES]->deadline_bitmap >> i % PRIORITIES & 1) != 0;
        if (!heap_holds(deadlines) || marked == heap_is_empty(deadlines))
            return false;
    }
    return each_object(OBJECT_ENDPOINT, endpoint_holds) && each_object(OBJECT_NOTIFICATION, notification_holds);
}

/* Is `adjust_at` a slot of the object's own list, and NULL for a dying object, whose depths need no correction? */
static bool adjustment_holds(const struct object *object) {
    const struct cap_slot *at = object->adjust_at;
    return at == NULL || (!object->dying && cap_type(at) == object->type && cap_object(at) == object);
}

static uint64_t caps_seen;

/* Check one slot and its neighbours. Depths may be too great while a correction is due (cap_settle). */
static bool slot_holds(const struct cap_slot *slot) {
    if (cap_is_empty(slot))
        return true;
    if (cap_type(slot) == OBJECT_REPLY)
        return ((const struct thread *)cap_object(slot))->reply_slot == slot;
    caps_seen++;
    const struct object *object = cap_object(slot);
    const struct cap_slot *next = cap_next(slot), *previous = cap_previous(slot);
    if (object->type != cap_type(slot) || !adjustment_holds(object))
        return false;
    if (next != NULL && (cap_previous(next) != slot || cap_object(next) != object))
        return false;
    if (previous == NULL)
        return object->first_cap == slot;
    bool depth_fits = cap_depth(slot) <= cap_depth(previous) + 1 || object->adjust_at != NULL;
    return cap_next(previous) == slot && depth_fits;
}

static bool table_holds(struct object *object) {
    const struct table *table = CONTAINER_OF(object, struct table, object);
    for (uint64_t i = 0; i < table->slot_count; i++) {
        if (!slot_holds(&table->slots[i]))
            return false;
    }
    return true;
}

static bool thread_slots_hold(struct object *object) {
    const struct thread *thread = CONTAINER_OF(object, struct thread, object);
    const struct notification *notification = cap_object(&thread->notification);
    if (notification != NULL && notification->bound != thread)
        return false;
    return slot_holds(&thread->reply) && slot_holds(&thread->table) && slot_holds(&thread->space) &&
           slot_holds(&thread->fault_endpoint) && slot_holds(&thread->notification) &&
           slot_holds(&thread->message_memory);
}

static bool watch_holds(struct object *object) {
    const struct endpoint *endpoint = CONTAINER_OF(object, struct endpoint, object);
    return slot_holds(&endpoint->watch) && object->watched == !cap_is_empty(&endpoint->watch);
}

/* During a deletion, slots lie in objects that are in no pool's list any more. Then the total can't be checked. */
static bool derivation_holds(void) {
    caps_seen = irq_bound_count() + (trace.events != 0);
    if (!each_object(OBJECT_TABLE, table_holds) || !each_object(OBJECT_THREAD, thread_slots_hold) ||
        !each_object(OBJECT_ENDPOINT, watch_holds))
        return false;
    return caps_seen == cap_count || !reaper_is_idle();
}

/*
 * Each leaf entry, each message page and each page of the trace takes one from its frame's count. Then all counts must
 * be 0.
 */
static bool take_frame(uint64_t frame) {
    if (frame_type(frame) != FRAME_USER || frame_count(frame) == 0)
        return false;
    frame_release(frame);
    return true;
}

static bool take_leaf(uint64_t entry) {
    uint64_t frame = arch_entry_frame(entry);
    return arch_entry_is_counted(entry) ? take_frame(frame) : memory_check_device(frame, 1) == OK;
}

static bool give_leaf(uint64_t entry) { return !arch_entry_is_counted(entry) || frame_hold(arch_entry_frame(entry)); }

static bool take_space(struct object *object) {
    return arch_each_leaf(CONTAINER_OF(object, struct space, object)->root, take_leaf);
}

static bool give_space(struct object *object) {
    return arch_each_leaf(CONTAINER_OF(object, struct space, object)->root, give_leaf);
}

static bool take_message(struct object *object) {
    uint64_t frame = CONTAINER_OF(object, struct thread, object)->message_frame;
    return frame == 0 || take_frame(frame);
}

static bool give_message(struct object *object) {
    uint64_t frame = CONTAINER_OF(object, struct thread, object)->message_frame;
    return frame == 0 || frame_hold(frame);
}

static bool take_trace(void) {
    for (uint64_t i = 0; trace.events != 0 && i < trace.page_count; i++) {
        if (!take_frame(trace.first_frame + i))
            return false;
    }
    return true;
}

static bool give_trace(void) { return trace.events == 0 || frame_hold_run(trace.first_frame, trace.page_count); }

static bool ledger_holds(void) {
    if (!each_object(OBJECT_SPACE, take_space) || !each_object(OBJECT_THREAD, take_message) || !take_trace())
        return false; /* and the ledger stays wrong: the kernel can't be trusted any more */
    bool zero = true;
    for (uint64_t frame = 0; frame < ledger.frame_count; frame++)
        zero = zero && (frame_type(frame) != FRAME_USER || frame_count(frame) == 0);
    each_object(OBJECT_SPACE, give_space);
    each_object(OBJECT_THREAD, give_message);
    give_trace();
    uint64_t mapped = 0;
    for (uint64_t frame = 0; frame < ledger.frame_count; frame++)
        mapped += frame_type(frame) == FRAME_USER && frame_count(frame) > 0;
    return (zero && mapped == ledger.mapped_count) || !reaper_is_idle();
}

static bool is_zero(uint64_t frame) {
    const uint64_t *words = arch_pointer(frame * PAGE_BYTES);
    uint64_t any = 0;
    for (uint32_t i = 0; i < PAGE_BYTES / sizeof(uint64_t); i++)
        any |= words[i];
    return any == 0;
}

/* A pool does not clear FRAME_ZERO frames that it is made of, so they must be zero. */
static bool zero_frames_are_zero(void) {
    for (uint64_t frame = 0; frame < ledger.frame_count; frame++)
        if (frame_type(frame) == FRAME_ZERO && !is_zero(frame))
            return false;
    return true;
}

static bool pool_holds(const struct pool *pool) {
    uint64_t unused = 0, total = 0;
    for (const struct pool_chunk *chunk = pool->chunks; chunk < pool->chunks + pool->chunk_count; chunk++) {
        total += chunk->frame_count;
        for (uint64_t i = 0; i < chunk->frame_count; i++) {
            uint64_t frame = chunk->first_frame + i;
            if (frame_owner(frame) != arch_physical(pool) / PAGE_BYTES)
                return false;
            unused += frame_type(frame) == FRAME_POOL;
        }
    }
    return pool->object.dying || (total == pool->frame_count && unused == pool->free_frames);
}

static bool pools_hold(void) {
    uint64_t frames = 0;
    for (struct list_node *at = list_first(&all_pools); at != &all_pools.head; at = at->next) {
        const struct pool *pool = CONTAINER_OF(at, struct pool, object.in_pool);
        if (!pool_holds(pool))
            return false;
        frames += pool->frame_count;
    }
    return zero_frames_are_zero() && (frames == ledger.kernel_count || !reaper_is_idle());
}

static bool audit_passes(struct object *object, uint64_t position, uint64_t end) {
    struct audit_failure failure;
    const struct thread *self = arch_this_cpu()->current;
    while (position < end) {
        if (arch_audit_part(CONTAINER_OF(object, struct space, object)->root, self, &position, &failure) != AUDIT_OK)
            return false;
    }
    return true;
}

static bool kernel_half_holds(struct object *object) { return audit_passes(object, 0, USER_LOWEST); }
static bool user_half_holds(struct object *object) { return audit_passes(object, USER_LOWEST, USER_LIMIT); }

uint64_t check_invariants(void) {
    if (!threads_hold())
        return INVARIANT_THREADS;
    if (!queues_hold())
        return INVARIANT_QUEUES;
    if (!derivation_holds())
        return INVARIANT_DERIVATION;
    if (!ledger_holds())
        return INVARIANT_LEDGER;
    if (!pools_hold())
        return INVARIANT_POOLS;
    if (!each_object(OBJECT_SPACE, kernel_half_holds))
        return INVARIANT_KERNEL_HALF;
    if (!each_object(OBJECT_SPACE, user_half_holds))
        return INVARIANT_WRITE_EXECUTE;
    return INVARIANT_NONE;
}
