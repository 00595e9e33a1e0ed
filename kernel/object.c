#include "kernel/object.h"

#include "kernel/arch.h"
#include "kernel/assert.h"
#include "kernel/cap.h"
#include "kernel/endpoint.h"
#include "kernel/notification.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/table.h"
#include "kernel/thread.h"

/* Dead objects wait here, first come first served; one that is not done after its step goes to the end again. */
struct object *reaper_first;
static struct object *reaper_last;

void object_init(struct object *object, enum object_type type, struct pool *pool, uint32_t size_bytes) {
    object->type = (uint8_t)type;
    object->pool = pool;
    object->size_bytes = size_bytes;
    if (pool != NULL)
        list_append(&pool->objects, &object->in_pool);
}

static void enqueue(struct object *object) {
    object->reap_next = NULL;
    if (reaper_first == NULL)
        reaper_first = object;
    else
        reaper_last->reap_next = object;
    reaper_last = object;
}

void object_kill(struct object *object) {
    if (object->dying || (object->pool == NULL && object->type != OBJECT_POOL))
        return; /* what boot made (the regions of memory, ports, lines) stays, with or without capabilities */
    object->dying = true;
    object->adjust_at = NULL;
    if (object->type == OBJECT_THREAD)
        thread_stop(
            CONTAINER_OF(object, struct thread, object)); /* its end is to come, but not one more instruction of it */
    if (object->pool != NULL) {
        list_remove(&object->in_pool);
        object->pool->dying_count++;
    }
    enqueue(object);
}

/* Everything made from the pool dies first, a few objects at a time, and the pool waits for them; then the frames go back. */
static bool pool_reap_step(struct pool *pool) {
    for (uint32_t i = 0; i < 4 && !list_is_empty(&pool->objects); i++)
        object_kill(CONTAINER_OF(list_first(&pool->objects), struct object, in_pool));
    return pool->dying_count == 0 && pool_dissolve_step(pool);
}

/* One step in taking `object` apart. True: nothing is left but its memory, or, of a pool, not even that. */
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
        return pool_reap_step(CONTAINER_OF(object, struct pool, object));
    case OBJECT_NONE:
    case OBJECT_MEMORY:
    case OBJECT_IRQ:
    case OBJECT_PORTS:
    case OBJECT_REPLY:
        break;
    }
    panic("an object that boot made was killed");
}

/* What a step takes at most, in the budget's units. */
static const uint8_t step_costs[] = {
    [OBJECT_SPACE] = 56,    /* many entries, and tables to look through for them */
    [OBJECT_POOL] = 12,     /* several frames, one to clear */
    [OBJECT_TABLE] = 14,    /* several capabilities */
    [OBJECT_THREAD] = 24,   /* a frame to clear */
    [OBJECT_ENDPOINT] = 12, /* a thread leaves two heaps of thousands */
    [OBJECT_NOTIFICATION] = 12,
};
#define TAKE_AWAY_COST 4U

static uint32_t next_cost(const struct object *object) {
    const struct cap_slot *cap = object->first_cap; /* its pool died before its capabilities did */
    bool ends_wait = cap != NULL && cap_binding(cap) == BOUND_THREAD_SPACE;
    return cap == NULL || ends_wait ? step_costs[ends_wait ? OBJECT_THREAD : object->type] : TAKE_AWAY_COST;
}

static void give_memory(struct object *object) {
    struct pool *pool = object->pool;
    if (object->type == OBJECT_THREAD) {
        arch_thread_clear(CONTAINER_OF(object, struct thread, object));
        pool_give_cleared(pool, object, PAGE_BYTES);
    } else {
        pool_give(pool, object, object->size_bytes);
    }
    if (--pool->dying_count == 0 && pool->object.waiting) {
        pool->object.waiting = false;
        enqueue(&pool->object);
    }
}

/* One step of what is the first in the queue. */
static void reap_first(struct object *object) {
    reaper_first = object->reap_next;
    bool is_pool = object->type == OBJECT_POOL;
    if (!reap_step(object)) {
        object->waiting = is_pool && CONTAINER_OF(object, struct pool, object)->dying_count > 0;
        if (!object->waiting)
            enqueue(object);
    } else if (!is_pool) {
        give_memory(object);
    }
}

bool reaper_run_some(uint32_t budget) {
    for (uint32_t spent = 0; reaper_first != NULL;) {
        struct object *object = reaper_first;
        uint32_t cost = next_cost(object);
        if (spent > 0 && spent + cost > budget)
            return false;
        spent += cost;
        if (object->first_cap != NULL)
            cap_take_away(object->first_cap);
        else
            reap_first(object);
    }
    return true;
}
