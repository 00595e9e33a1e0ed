/*
 * Removal of a capability, and with the last one of its object.
 */
#pragma once

#include "kernel/cap/cap.h"

/* Lock: kernel lock. */

/*
 * Empty the slot. The object dies with its last capability; a thread that waits for this reply gets E_PEER. Does
 * nothing to an empty slot. If the slot is bound, the binding's effect is not ended: see cap_take_away.
 */
void cap_remove(struct cap_slot *slot);
