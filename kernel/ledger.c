#include "kernel/ledger.h"

#include "kernel/assert.h"

struct ledger ledger;

static bool is_pool_type(enum frame_type type) {
    return type == FRAME_POOL || type == FRAME_OBJECT || type == FRAME_TABLE;
}

void frame_set_type(uint64_t frame, enum frame_type type, uint32_t owner) {
    assert(frame != 0 && frame < ledger.frame_count);
    enum frame_type old = frame_type(frame);
    assert(frame_count(frame) == 0 || old == FRAME_POOL);
    ledger.kernel_count -= is_pool_type(old);
    ledger.kernel_count += is_pool_type(type);
    ledger.frames[frame].type_and_count = (uint32_t)type << 28;
    ledger.frames[frame].owner = owner;
}

void frame_hold_run(uint64_t first_frame, uint64_t count) {
    struct frame_entry *frames = &ledger.frames[first_frame];
    uint64_t unheld = 0;
    for (uint64_t i = 0; i < count; i++)
        unheld += frames[i].type_and_count++ == 0;
    ledger.mapped_count += unheld;
}
