#include "kernel/object.h"

#include "kernel/assert.h"
#include "kernel/cap.h"
#include "kernel/endpoint.h"
#include "kernel/notification.h"
#include "kernel/pool.h"
#include "kernel/space.h"
#include "kernel/table.h"
#include "kernel/thread.h"

/* Dead objects wait here, first come first served; one that is not done after its step goes to the end again. */
static struct object *queue_first, *queue_last;

void object_init(struct object *object, enum object_type type, struct pool *pool, uint32_t size_bytes) {
    object->type = (uint8_t)type;
    object->pool = pool;
    object->size_bytes = size_bytes;
    if (pool != NULL)
        list_append(&pool->objects, &object->in_pool);
}

static void enqueue(struct object *object) {
    object->reap_next = NULL;
    if (queue_first == NULL)
        queue_first = object;
    else
        queue_last->reap_next = object;
    queue_last = object;
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

bool reaper_is_idle(void) { return queue_first == NULL; }

/* What a step takes, in the budget's units. */
static uint32_t step_cost(const struct object *object) {
    switch ((enum object_type)object->type) {
    case OBJECT_SPACE: /* many entries */
    case OBJECT_POOL:  /* several frames to clear */
        return REAPER_BUDGET;
    case OBJECT_TABLE:  /* several slots */
    case OBJECT_THREAD: /* a frame to clear */
        return REAPER_BUDGET / 2;
    case OBJECT_NONE:
    case OBJECT_MEMORY:
    case OBJECT_ENDPOINT:
    case OBJECT_NOTIFICATION:
    case OBJECT_IRQ:
    case OBJECT_PORTS:
    case OBJECT_REPLY:
        break;
    }
    return 1;
}

bool reaper_run(uint32_t budget) {
    while (queue_first != NULL && budget > 0) {
        struct object *object = queue_first;
        if (object->first_cap != NULL) { /* its pool died before its capabilities did */
            cap_take_away(object->first_cap);
            budget--;
            continue;
        }
        queue_first = object->reap_next;
        uint32_t cost = step_cost(object);
        bool is_pool = object->type == OBJECT_POOL;
        if (!reap_step(object)) {
            enqueue(object);
        } else if (!is_pool) {
            struct pool *pool = object->pool;
            pool_give(pool, object, object->size_bytes);
            pool->dying_count--;
        }
        budget -= cost < budget ? cost : budget;
    }
    return queue_first == NULL;
}
