#include "kernel/ending/pile.h"

#include "kernel/memory/pool.h"
#include "kernel/run/wait.h"

/* Pools with dead objects, that of the newest kill first. */
static struct list pile = {{&pile.head, &pile.head}};

struct pool *pile_top(void) {
    return CONTAINER_OF(list_first(&pile), struct pool, reaped);
}

uint64_t reaper_place;
static uint64_t places; /* given so far; none is given twice, as a thread may wait for it (thread.reaps) */

void pile_lower(void) { reaper_place = list_is_empty(&pile) ? 0 : pile_top()->reaper_place; }

/* The pool may be in the pile already. Its place never becomes lower, so a thread that waits for it goes on waiting. */
void pile_up(struct pool *pool) {
    if (list_first(&pile) == &pool->reaped)
        return;
    if (list_contains_node(&pool->reaped))
        list_remove(&pool->reaped); /* from below the top */
    pool->reaper_place = reaper_place = ++places;
    list_insert_before(list_first(&pile), &pool->reaped);
}

void object_kill(struct object *object) {
    if (object->dying || (object->pool == NULL && object->type != OBJECT_POOL))
        return; /* boot's objects (regions of memory, ports, lines) stay, with or without capabilities */
    object->dying = true;
    object->adjust_at = NULL;
    struct thread *thread = CONTAINER_OF(object, struct thread, object);
    if (object->type == OBJECT_THREAD && thread->state != THREAD_STOPPED)
        thread_stop(thread); /* it executes no further instruction, however late it is taken apart */
    struct pool *pool = object->pool;
    if (pool == NULL) {
        pool = CONTAINER_OF(object, struct pool, object);
    } else {
        list_remove(&object->in_pool);
        list_append(&pool->dying, &object->in_pool);
    }
    pile_up(pool);
}
