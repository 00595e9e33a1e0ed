#include "kernel/memory/memory.h"

#include "kernel/machine/call.h"

#define LONG_RUN_FRAMES 32U /* looking at more of them twice is too much for one stay */

#define DEVICE_FIRST_BITS 40U
#define DEVICE_COUNT_MAX ((1ULL << 23) - 1)
#define DEVICE_UNIT_PAGES (1ULL << 18)
#define DEVICE_IN_UNITS (1ULL << 63)

uint64_t memory_pack(const struct memory *memory, uint64_t first_frame, uint64_t page_count) {
    if (!memory->is_device)
        return first_frame + page_count <= UINT32_MAX ? RANGE(first_frame, page_count) : 0;
    if (page_count <= DEVICE_COUNT_MAX)
        return first_frame | page_count << DEVICE_FIRST_BITS;
    if (page_count % DEVICE_UNIT_PAGES != 0)
        return 0;
    return first_frame | page_count / DEVICE_UNIT_PAGES << DEVICE_FIRST_BITS | DEVICE_IN_UNITS;
}

bool memory_is_device(const struct cap_slot *slot) { return ((const struct memory *)cap_object(slot))->is_device; }

uint64_t memory_first(const struct cap_slot *slot) {
    return memory_is_device(slot) ? slot->data & ((1ULL << DEVICE_FIRST_BITS) - 1) : range_first(slot->data);
}

uint64_t memory_count(const struct cap_slot *slot) {
    if (!memory_is_device(slot))
        return range_count(slot->data);
    uint64_t count = slot->data >> DEVICE_FIRST_BITS & DEVICE_COUNT_MAX;
    return (slot->data & DEVICE_IN_UNITS) != 0 ? count * DEVICE_UNIT_PAGES : count;
}

enum status memory_check_device(uint64_t first_frame, uint64_t page_count) {
    for (uint64_t frame = first_frame; frame < first_frame + page_count; frame++) {
        if (frame_type(frame) != FRAME_FIRMWARE)
            return E_BUSY; /* only its own Memory maps RAM */
    }
    return arch_owns_frames(first_frame, page_count) ? E_BUSY : OK;
}

enum status memory_check_frames(uint64_t first_frame, uint64_t page_count) {
    if (first_frame + page_count > ledger.frame_count)
        return E_BUSY;
    uint64_t found = frame_find_unholdable(first_frame, page_count);
    if (found < page_count && frame_type(first_frame + found) == FRAME_ZERO) {
        frame_forget_zero(first_frame, page_count);
        if (page_count >= LONG_RUN_FRAMES)
            return CALL_RESTART;
        found = frame_find_unholdable(first_frame, page_count);
    }
    if (found == page_count)
        return OK;
    return frame_type(first_frame + found) == FRAME_USER ? E_LIMIT : E_BUSY;
}
