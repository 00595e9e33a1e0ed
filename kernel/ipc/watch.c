#include "kernel/ipc/watch.h"

#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"

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
