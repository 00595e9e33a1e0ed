#include "kernel/cap/object.h"

#include "kernel/arch.h"
#include "kernel/base/assert.h"
#include "kernel/cap/cap.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/table.h"
#include "kernel/run/thread.h"

/* Pools with something dead, the newest kill's first. */
static struct list pile = {{&pile.head, &pile.head}};

static struct pool *pile_top(void) { return CONTAINER_OF(list_first(&pile), struct pool, reaped); }

uint64_t reaper_place;
static uint64_t places; /* that have been given: none comes a second time, as a thread may wait for it (thread.reaps) */

/* A pool has left the pile. */
static void pile_lower(void) { reaper_place = list_is_empty(&pile) ? 0 : pile_top()->reaper_place; }

void object_init(struct object *object, enum object_type type, struct pool *pool, uint32_t size_bytes) {
    object->type = (uint8_t)type;
    object->pool = pool;
    object->size_bytes = size_bytes;
    if (pool != NULL)
        list_append(&pool->objects, &object->in_pool);
}

/* To the top, from wherever it is: its place never becomes a lower one, so whoever waits for that goes on waiting. */
static void pile_up(struct pool *pool) {
    if (list_first(&pile) == &pool->reaped)
        return;
    if (list_contains_node(&pool->reaped))
        list_remove(&pool->reaped); /* from below the top */
    pool->reaper_place = reaper_place = ++places;
    list_insert_before(list_first(&pile), &pool->reaped);
}

void object_kill(struct object *object) {
    if (object->dying || (object->pool == NULL && object->type != OBJECT_POOL))
        return; /* what boot made (the regions of memory, ports, lines) stays, with or without capabilities */
    object->dying = true;
    object->adjust_at = NULL;
    struct thread *thread = CONTAINER_OF(object, struct thread, object);
    if (object->type == OBJECT_THREAD && thread->state != THREAD_STOPPED)
        thread_stop(thread); /* not one more instruction of it, whenever it is taken apart */
    struct pool *pool = object->pool;
    if (pool == NULL) {
        pool = CONTAINER_OF(object, struct pool, object);
    } else {
        list_remove(&object->in_pool);
        list_append(&pool->dying, &object->in_pool);
    }
    pile_up(pool);
}

/* Everything made from the pool dies first, a few objects at a time; when they are gone, the frames go back. */
static void pool_reap_step(struct pool *pool) {
    if (list_is_empty(&pool->objects)) {
        pool_dissolve_step(pool);
        pile_lower(); /* the pool may be gone */
        return;
    }
    for (uint32_t i = 0; i < 4 && !list_is_empty(&pool->objects); i++)
        object_kill(CONTAINER_OF(list_first(&pool->objects), struct object, in_pool));
}

/* One step in taking `object` apart. True: nothing is left but its memory. */
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

/* What a step takes at most, in the budget's units. */
static const uint8_t step_costs[] = {
    [OBJECT_SPACE] = 56,    /* many entries, and tables to look through for them */
    [OBJECT_POOL] = 12,     /* several frames, one to clear */
    [OBJECT_TABLE] = 21,    /* several capabilities, one of which may end a thread's wait */
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
