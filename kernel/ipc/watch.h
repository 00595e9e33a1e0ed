/*
 * Watched endpoints: a server learns that nobody holds what it gave away any more. A notification is bound to an Endpoint
 * (endpoint_watch); from then on its bits are raised whenever a capability of the endpoint that has ENDPOINT_WATCH
 * loses its last descendant. ADR 18 says why the kernel tells this.
 *
 *      serve 1 -> pipe 2 (WATCH) -> client's 3        the client's goes: nothing descends from `pipe`, and bits are raised
 */
#pragma once

#include "kernel/cap/cap.h"

/* Lock: kernel lock. */

/* In the list of a watched object `slot` was just unlinked from behind `previous` (NULL: it was the first). */
void watch_note_removal(const struct object *object, const struct cap_slot *slot, const struct cap_slot *previous);
