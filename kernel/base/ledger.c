#include "kernel/base/ledger.h"

#include "kernel/base/assert.h"

#define ZERO_WORD ((uint32_t)FRAME_ZERO << 28) /* the word of a zero frame, which has no holder */

struct ledger ledger;

static bool is_pool_type(enum frame_type type) {
    return type == FRAME_POOL || type == FRAME_OBJECT || type == FRAME_TABLE;
}

void frame_set_type(uint64_t first_frame, uint64_t count, enum frame_type type, uint32_t owner) {
    assert(first_frame != 0 && count > 0 && first_frame + count <= ledger.frame_count);
    enum frame_type old = frame_type(first_frame);
    struct frame_entry *frames = &ledger.frames[first_frame];
    for (uint64_t i = 0; i < count; i++) {
        assert(frame_type(first_frame + i) == old ||
               (!is_pool_type(frame_type(first_frame + i)) && !is_pool_type(old)));
        assert(frame_count(first_frame + i) == 0 || old == FRAME_POOL);
        frames[i].type_and_count = (uint32_t)type << 28;
        frames[i].owner = owner;
    }
    if (is_pool_type(type) && !is_pool_type(old))
        ledger.kernel_count += count;
    else if (is_pool_type(old) && !is_pool_type(type))
        ledger.kernel_count -= count;
}

/*
 * Most runs have no holders yet. Checking that first and then setting all counts to one is quicker than checking each.
 */
bool frame_hold_run(uint64_t first_frame, uint64_t count) {
    struct frame_entry *frames = &ledger.frames[first_frame];
    uint64_t unheld = 0;
    if (frame_type(first_frame) == FRAME_FIRMWARE)
        return true;
    if (frame_find_held(first_frame, count) == count) {
        for (uint64_t i = 0; i < count; i++)
            frames[i].type_and_count = 1;
        ledger.mapped_count += count;
        return true;
    }
    if (frame_find_unholdable(first_frame, count) < count)
        return false;
    for (uint64_t i = 0; i < count; i++)
        unheld += frames[i].type_and_count++ == 0;
    ledger.mapped_count += unheld;
    return true;
}

void frame_release_run(uint64_t first_frame, uint64_t count) {
    struct frame_entry *frames = &ledger.frames[first_frame];
    uint64_t unheld = 0;
    if (frame_type(first_frame) == FRAME_FIRMWARE)
        return;
    for (uint64_t i = 0; i < count; i++)
        unheld += --frames[i].type_and_count == 0;
    ledger.mapped_count -= unheld;
}

/*
 * Runs are long and almost always fit, so both searches first combine the words of all frames. In a user frame's word
 * no bit is set above the count, since the type is 0, and real counts stay below half of the greatest possible one.
 */
uint64_t frame_find_unholdable(uint64_t first_frame, uint64_t count) {
    const struct frame_entry *frames = &ledger.frames[first_frame];
    if (count == 1)
        return frames[0].type_and_count < FRAME_COUNT_MAX;
    uint32_t any = 0;
    for (uint64_t i = 0; i < count; i++)
        any |= frames[i].type_and_count;
    if (any <= FRAME_COUNT_MAX / 2)
        return count;
    uint64_t found = 0;
    while (found < count && frames[found].type_and_count < FRAME_COUNT_MAX)
        found++;
    return found;
}

uint64_t frame_find_held(uint64_t first_frame, uint64_t count) {
    const struct frame_entry *frames = &ledger.frames[first_frame];
    uint32_t any = 0;
    for (uint64_t i = 0; i < count; i++)
        any |= frames[i].type_and_count;
    if (any == 0)
        return count;
    uint64_t found = 0;
    while (found < count && (frames[found].type_and_count == 0 || frames[found].type_and_count == ZERO_WORD))
        found++;
    return found;
}

uint64_t frame_find_not_zero(uint64_t first_frame, uint64_t count) {
    const struct frame_entry *frames = &ledger.frames[first_frame];
    uint64_t found = 0;
    while (found < count && frames[found].type_and_count == ZERO_WORD)
        found++;
    return found;
}

void frame_forget_zero(uint64_t first_frame, uint64_t count) {
    struct frame_entry *frames = &ledger.frames[first_frame];
    for (uint64_t i = 0; i < count; i++) {
        if (frames[i].type_and_count == ZERO_WORD)
            frames[i].type_and_count = (uint32_t)FRAME_USER << 28;
    }
}
