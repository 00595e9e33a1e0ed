/*
 * Memory: authority over a run of physical frames. The capability itself has the range. The object behind it is one of
 * the regions that boot found, and only holds the derivation list.
 *
 * Frames of RAM have 32-bit numbers everywhere in the kernel, so a run of them is a RANGE(). Devices lie anywhere in
 * the 52 bits of an address. Their frame numbers leave 24 bits for a count, so a large count is in larger units:
 *
 *      | 63: the count is in GiB, not pages | 62..40: count | 39..0: first frame |
 */
#pragma once

#include "kernel/cap/cap.h"

struct memory {
    struct object object;
    bool is_device; /* all physical addresses; it can't map RAM, and its mappings are not counted */
};

/* Encode a run of frames as the data of a capability to `memory`. 0: the run doesn't fit. */
uint64_t memory_pack(const struct memory *memory, uint64_t first_frame, uint64_t page_count);
bool memory_is_device(const struct cap_slot *slot);
uint64_t memory_first(const struct cap_slot *slot);
uint64_t memory_count(const struct cap_slot *slot);

/*
 * May these frames be mapped through device memory? E_BUSY: there is RAM among them, or devices that the kernel keeps
 * to itself.
 */
MUST_USE enum status memory_check_device(uint64_t first_frame, uint64_t page_count);

/*
 * May the kernel or a user have these frames of RAM? Afterwards they are not known to be zero any more. E_BUSY: memory
 * of the kernel or of firmware among them; E_LIMIT: a frame has as many holders as can be counted; CALL_RESTART: the
 * check was work enough for one stay.
 */
MUST_USE enum status memory_check_frames(uint64_t first_frame, uint64_t page_count);
