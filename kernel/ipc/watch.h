/*
 * Watched endpoints tell a server that all copies of a capability it gave away are gone. A notification is bound to an
 * Endpoint (endpoint_watch). From then on its bits are raised when a capability to the endpoint that has ENDPOINT_WATCH
 * loses its last descendant. ADR 18 says why the kernel reports this.
 *
 *      serve 1 -> pipe 2 (WATCH) -> client's 3        client's 3 goes: `pipe` has no descendants, bits are raised
 */
#pragma once

#include "kernel/cap/cap.h"

/* Lock: kernel lock. */

/*
 * Raise bits if the removal of `slot` calls for it. `slot` was just unlinked from the list of a watched object, from
 * behind `previous` (NULL: it was the first).
 */
void watch_note_removal(const struct object *object, const struct cap_slot *slot, const struct cap_slot *previous);
