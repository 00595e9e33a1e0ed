/*
 * A capability goes, and with the last one its object.
 */
#pragma once

#include "kernel/cap/cap.h"

/* Lock: kernel lock. */

/*
 * Empty the slot. The object dies with its last capability; a thread that waits for this reply gets E_PEER. Does
 * nothing to an empty slot. The binding's owner is not told.
 */
void cap_remove(struct cap_slot *slot);
