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
    if (object->pool != NULL) {
        list_remove(&object->in_pool);
        object->pool->dying_count++;
    }
    enqueue(object);
}

/* Everything made from the pool dies first, a few objects at a time; then the frames go back. */
static bool pool_reap_step(struct pool *pool) {
    for (uint32_t i = 0; i < 4 && !list_is_empty(&pool->objects); i++)
        object_kill(CONTAINER_OF(list_first(&pool->objects), struct object, in_pool));
    return list_is_empty(&pool->objects) && pool->dying_count == 0 && pool_dissolve_step(pool);
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

/* What a step takes, in the budget's units. */
static const uint8_t step_costs[] = {
    [OBJECT_SPACE] = REAPER_BUDGET,      /* many entries */
    [OBJECT_POOL] = REAPER_BUDGET,       /* several frames to clear */
    [OBJECT_TABLE] = REAPER_BUDGET / 2,  /* several slots */
    [OBJECT_THREAD] = REAPER_BUDGET / 2, /* a frame to clear */
    [OBJECT_ENDPOINT] = 1,
    [OBJECT_NOTIFICATION] = 1,
};

static void give_memory(struct object *object) {
    struct pool *pool = object->pool;
    if (object->type == OBJECT_THREAD) {
        arch_thread_clear(CONTAINER_OF(object, struct thread, object));
        pool_give_cleared(pool, object, PAGE_BYTES);
    } else {
        pool_give(pool, object, object->size_bytes);
    }
    pool->dying_count--;
}

bool reaper_run_some(uint32_t budget) {
    while (reaper_first != NULL && budget > 0) {
        struct object *object = reaper_first;
        if (object->first_cap != NULL) { /* its pool died before its capabilities did */
            cap_take_away(object->first_cap);
            budget--;
            continue;
        }
        reaper_first = object->reap_next;
        uint32_t cost = step_costs[object->type];
        bool is_pool = object->type == OBJECT_POOL;
        if (!reap_step(object)) {
            enqueue(object);
        } else if (!is_pool) {
            give_memory(object);
        }
        budget -= cost < budget ? cost : budget;
    }
    return reaper_first == NULL;
}
