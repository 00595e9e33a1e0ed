/*
 * Memory: authority over a run of physical frames, which is the range in the capability itself. The object behind it is
 * one of the regions that boot found, and only holds the derivation list.
 *
 * Frames of RAM have numbers of 32 bits, here and wherever the kernel notes one, so a run of them is a RANGE(). Devices lie
 * anywhere in the 52 bits of an address. Their frame numbers leave 24 bits for a count, so a large count is in larger units:
 *
 *      | 63: the count is in GiB, not pages | 62..40: count | 39..0: first frame |
 */
#pragma once

#include "kernel/cap/cap.h"

struct memory {
    struct object object;
    bool is_device; /* all physical addresses; RAM can't be mapped through it, and what it maps is not counted */
};

/* A run of frames as the data of a capability to `memory`; 0: it has no room for that run. */
uint64_t memory_pack(const struct memory *memory, uint64_t first_frame, uint64_t page_count);
bool memory_is_device(const struct cap_slot *slot);
uint64_t memory_first(const struct cap_slot *slot);
uint64_t memory_count(const struct cap_slot *slot);

/* May these frames be mapped through device memory? E_BUSY: RAM among them, or what the kernel needs for itself. */
MUST_USE enum status memory_check_device(uint64_t first_frame, uint64_t page_count);

/* May the kernel or a user have these frames of RAM? E_BUSY: kernel memory or firmware's among them; E_LIMIT: a frame
 * has as many holders as can be counted; CALL_RESTART: it was work enough for one stay. They are not known to be zero any more. */
MUST_USE enum status memory_check_frames(uint64_t first_frame, uint64_t page_count);
