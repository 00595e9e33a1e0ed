#include "kernel/ending/reaper.h"

#include "kernel/ending/binding.h"
#include "kernel/ending/cap.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/machine/request.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/queue.h"
#include "kernel/run/sched.h"
#include "kernel/run/table.h"
#include "kernel/run/timer.h"
#include "kernel/run/wait.h"

/*
 * Capabilities removed in one step. Each can take STEPS_MAX corrections. The removal of a Reply or a Thread can also
 * end a wait, so it is the last of its step.
 */
#define REAP_CAPS 4U
#define REAP_SLOTS 64U /* examined in one step */

static bool space_reap_step(struct space *space) {
    request_leave(space->root);
    if (arch_table_reap(space->root, space->object.pool))
        return false;
    pool_give_run(space->object.pool, arch_pointer(space->root), 0);
    return true;
}

static bool thread_reap_step(struct thread *thread) {
    assert(thread->state == THREAD_STOPPED);
    if (thread->cpu->arch.fpu_owner == thread)
        request_release(thread->cpu, thread);
    assert(thread->cpu->current != thread || thread->cpu->blocked);
    sched_forget(thread);
    cap_remove(&thread->reply);
    thread_leave(thread);
    for (struct cap_slot *binding = &thread->table; binding <= &thread->message_memory; binding++) {
        if (cap_is_empty(binding))
            continue;
        if (!cap_settle(cap_object(binding), STEPS_MAX))
            return false;
        cap_remove(binding);
    }
    return true;
}

static bool table_reap_step(struct table *table) {
    struct cap_slot *slot = &table->slots[table->reaped], *end = &table->slots[table->slot_count];
    struct cap_slot *stop = end - slot > REAP_SLOTS ? slot + REAP_SLOTS : end;
    for (uint32_t removed = 0; slot < stop && removed < REAP_CAPS; slot++) {
        if (cap_is_empty(slot))
            continue;
        if (cap_type(slot) != OBJECT_REPLY && !cap_settle(cap_object(slot), STEPS_MAX))
            break;
        bool ends_wait = cap_type(slot) == OBJECT_REPLY || cap_type(slot) == OBJECT_THREAD;
        removed += ends_wait ? REAP_CAPS : 1; /* a thread may leave two heaps of thousands */
        cap_remove(slot);
    }
    table->reaped = (uint64_t)(slot - table->slots);
    if (slot < end)
        return false;
    uint32_t bytes = (uint32_t)table->slot_count * (uint32_t)sizeof(struct cap_slot);
    if (bytes >= PAGE_BYTES) /* empty slots are zero */
        pool_give_cleared(table->object.pool, table->slots, bytes);
    else
        pool_give(table->object.pool, table->slots, bytes);
    return true;
}

static bool endpoint_reap_step(struct endpoint *endpoint) {
    if (!cap_is_empty(&endpoint->watch)) {
        if (cap_settle(cap_object(&endpoint->watch), STEPS_MAX))
            watch_unbind(&endpoint->watch);
        return false;
    }
    struct thread *thread = queue_first(&endpoint->senders);
    if (thread == NULL)
        thread = queue_first(&endpoint->receivers);
    if (thread == NULL)
        return true;
    thread_refuse(thread, E_PEER);
    return false;
}

static bool notification_reap_step(struct notification *notification) {
    timer_cancel(&notification->deadline);
    struct thread *waiter = queue_first(&notification->waiters);
    if (waiter == NULL)
        return true;
    thread_refuse(waiter, E_PEER);
    return false;
}

/* First all objects made from the pool die, a few at a time. When they are gone, the frames go back. */
static void pool_reap_step(struct pool *pool) {
    if (list_is_empty(&pool->objects)) {
        pool_dissolve_step(pool);
        pile_lower(); /* the pool may be gone */
        return;
    }
    for (uint32_t i = 0; i < 4 && !list_is_empty(&pool->objects); i++)
        object_kill(CONTAINER_OF(list_first(&pool->objects), struct object, in_pool));
}

/* Do one step in taking `object` apart. True: only its memory is left. */
static bool reap_step(struct object *object) {
    switch ((enum object_type)object->type) {
    case OBJECT_SPACE:
        return space_reap_step(CONTAINER_OF(object, struct space, object));
    case OBJECT_THREAD:
        return thread_reap_step(CONTAINER_OF(object, struct thread, object));
    case OBJECT_TABLE:
        return table_reap_step(CONTAINER_OF(object, struct table, object));
    case OBJECT_ENDPOINT:
        return endpoint_reap_step(CONTAINER_OF(object, struct endpoint, object));
    case OBJECT_NOTIFICATION:
        return notification_reap_step(CONTAINER_OF(object, struct notification, object));
    case OBJECT_POOL:
        pool_reap_step(CONTAINER_OF(object, struct pool, object));
        return false;
    case OBJECT_NONE:
    case OBJECT_MEMORY:
    case OBJECT_IRQ:
    case OBJECT_PORTS:
    case OBJECT_REPLY:
        break;
    }
    panic("an object that boot made was killed");
}

/* The greatest cost of a step, in the budget's units. */
static const uint8_t step_costs[] = {
    [OBJECT_SPACE] = 56,    /* many entries, and tables to search for them */
    [OBJECT_POOL] = 12,     /* several frames, one to clear */
    [OBJECT_TABLE] = 21,    /* several capabilities, one of which may end a thread's wait */
    [OBJECT_THREAD] = 24,   /* a frame to clear */
    [OBJECT_ENDPOINT] = 12, /* a thread leaves two heaps of thousands */
    [OBJECT_NOTIFICATION] = 12,
};
#define TAKE_AWAY_COST 4U

static uint32_t next_cost(const struct object *object) {
    const struct cap_slot *cap = object->first_cap; /* NULL, unless its pool died before its capabilities did */
    bool ends_wait = cap != NULL && cap_binding(cap) == BOUND_THREAD_SPACE;
    return cap == NULL || ends_wait ? step_costs[ends_wait ? OBJECT_THREAD : object->type] : TAKE_AWAY_COST;
}

static void give_memory(struct object *object) {
    struct pool *pool = object->pool;
    list_remove(&object->in_pool);
    if (object->type == OBJECT_THREAD) {
        arch_thread_clear(CONTAINER_OF(object, struct thread, object));
        pool_give_cleared(pool, object, PAGE_BYTES);
    } else {
        pool_give(pool, object, object->size_bytes);
    }
    if (list_is_empty(&pool->dying) && !pool->object.dying) {
        list_remove(&pool->reaped);
        pile_lower();
    }
}

bool reaper_run_to(uint64_t place, uint32_t budget) {
    for (uint32_t spent = 0; reaper_place >= place;) {
        struct pool *pool = pile_top();
        struct object *object = &pool->object;
        if (!list_is_empty(&pool->dying))
            object = CONTAINER_OF(list_first(&pool->dying), struct object, in_pool);
        uint32_t cost = next_cost(object);
        if (spent > 0 && spent + cost > budget)
            return false;
        spent += cost;
        if (object->first_cap != NULL)
            cap_take_away(object->first_cap);
        else if (reap_step(object))
            give_memory(object);
    }
    return true;
}

enum status reaper_refuse(struct pool *pool) {
    if (!list_contains_node(&pool->reaped))
        return E_MEMORY;
    pile_up(pool);
    reaper_run_to(pool->reaper_place, 1);
    return CALL_RESTART;
}
