/*
 * object_create: makes objects from a pool and an argument.
 */
#include "kernel/ending/reaper.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/memory/pool.h"
#include "kernel/memory/space.h"
#include "kernel/run/table.h"

/* NULL: the pool has not enough memory. struct object is the first member of each kind. */
static struct object *make(struct pool *pool, uint64_t type, uint64_t argument) {
    switch (type) {
    case OBJECT_SPACE:
        return (struct object *)space_make(pool);
    case OBJECT_THREAD:
        return (struct object *)thread_make(pool);
    case OBJECT_TABLE:
        return (struct object *)table_make(pool, argument);
    case OBJECT_ENDPOINT:
        return (struct object *)endpoint_make(pool);
    case OBJECT_NOTIFICATION:
        return (struct object *)notification_make(pool);
    default:
        return NULL;
    }
}

static bool can_be_created(uint64_t type, uint64_t argument) {
    switch (type) {
    case OBJECT_SPACE:
    case OBJECT_THREAD:
    case OBJECT_ENDPOINT:
    case OBJECT_NOTIFICATION:
        return argument == 0;
    case OBJECT_TABLE:
        return argument >= TABLE_SLOTS_MIN && argument <= TABLE_SLOTS_MAX && (argument & (argument - 1)) == 0;
    default:
        return false;
    }
}

struct result sys_object_create(cap_t pool, uint64_t type, uint64_t argument, cap_t slot) {
    struct thread *self = caller();
    struct cap_slot *pool_cap, *to;
    enum status status = table_find(self, pool, OBJECT_POOL, POOL_ALLOCATE, &pool_cap);
    if (status == OK && !can_be_created(type, argument))
        status = E_ARG;
    if (status == OK)
        status = table_find_empty(self, slot, &to);
    if (status != OK)
        return result(status);
    uint64_t table_bytes = type == OBJECT_TABLE ? argument * sizeof(struct cap_slot) : 0;
    if (table_bytes > POOL_PREPARE_FRAMES * PAGE_BYTES && !pool_prepare(cap_object(pool_cap), table_bytes / PAGE_BYTES))
        return result(CALL_RESTART);
    struct object *object = make(cap_object(pool_cap), type, argument);
    if (object == NULL)
        return result(reaper_refuse(cap_object(pool_cap)));
    cap_set_first(to, object, RIGHTS_ALL, 0);
    return result(OK);
}
