#include "kernel/ipc/watch.h"

#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/notification.h"

/*
 * `previous` has lost its last descendant if `slot` was its child and the slot after it now is not. The depths are
 * right, since the list is settled (cap_settle) before a capability is removed. A revocation doesn't settle, but it
 * removes the slot directly after its root, and all slots that are still too deep descend from that root.
 */
void watch_note_removal(const struct object *object, const struct cap_slot *slot, const struct cap_slot *previous) {
    if (previous == NULL || (cap_rights(previous) & ENDPOINT_WATCH) == 0 || cap_depth(slot) <= cap_depth(previous) ||
        cap_has_descendants(previous))
        return;
    const struct endpoint *endpoint = CONTAINER_OF(object, const struct endpoint, object);
    notification_raise(cap_object(&endpoint->watch), endpoint->watch_bits);
}
