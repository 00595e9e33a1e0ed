#include "kernel/ending/watch.h"

#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"
#include "kernel/machine/call.h"
#include "kernel/run/table.h"

/*
 * `previous` has lost its last descendant if `slot` was its child and what follows now is not. Depths can be trusted:
 * whoever removes a capability has settled the list first (cap_settle), and where a revocation has not, what it removes
 * follows its root directly and all that is still too deep descends from that root.
 */
void watch_note_removal(const struct object *object, const struct cap_slot *slot, const struct cap_slot *previous) {
    if (previous == NULL || (cap_rights(previous) & ENDPOINT_WATCH) == 0 || cap_depth(slot) <= cap_depth(previous) ||
        cap_has_descendants(previous))
        return;
    const struct endpoint *endpoint = CONTAINER_OF(object, const struct endpoint, object);
    notification_raise(cap_object(&endpoint->watch), endpoint->watch_bits);
}

void watch_unbind(struct cap_slot *slot) {
    CONTAINER_OF(slot, struct endpoint, watch)->object.watched = false;
    cap_remove(slot);
}

/* Binding again replaces what was bound; notification 0 only unbinds. */
struct result sys_endpoint_watch(cap_t endpoint, cap_t notification, uint64_t bits) {
    struct thread *self = caller();
    struct cap_slot *slot, *source;
    enum status status = table_find(self, endpoint, OBJECT_ENDPOINT, ENDPOINT_WAIT, &slot);
    if (status != OK)
        return result(status);
    struct endpoint *object = cap_object(slot);
    status = notification_find_source(self, notification, bits, &object->watch, &source);
    if (status != OK)
        return result(status);
    if (!cap_is_empty(&object->watch))
        watch_unbind(&object->watch);
    if (source == NULL)
        return result(OK);
    object->watch.previous = BOUND_ENDPOINT_WATCH;
    cap_derive(&object->watch, source, cap_rights(source), source->data);
    object->watch_bits = bits;
    object->object.watched = true;
    return result(OK);
}
