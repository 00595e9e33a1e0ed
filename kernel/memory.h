/*
 * Memory: authority over a run of physical frames, which is the range in the capability itself. The object behind it is
 * one of the regions that boot found, and only holds the derivation list.
 */
#pragma once

#include "kernel/object.h"

struct memory {
    struct object object;
    bool is_device; /* all physical addresses; RAM can't be mapped through it, and what it maps is not counted */
};

/* May the kernel or a user have these frames of RAM? E_BUSY: kernel memory or firmware's among them; E_LIMIT: a frame
 * has as many holders as can be counted; CALL_RESTART: it was work enough for one stay. They are not known to be zero any more. */
MUST_USE enum status memory_check_frames(uint64_t first_frame, uint64_t page_count);
