#include "servers/process_mini/frames.h"

#include "libsys/program/program.h"

static cap_t region;
static uint64_t frame_count;
static uint8_t owners[FRAMES_MAX];

bool frames_start(void) {
    struct program_piece piece = {0};
    while (program_next_piece("memory", &piece)) {
        if (piece.page_count <= frame_count)
            continue;
        region = piece.memory;
        frame_count = piece.page_count < FRAMES_MAX ? piece.page_count : FRAMES_MAX;
    }
    return frame_count > 0;
}

/* Up to `wanted` free frames in a row, the first such run that has at least `least`. */
static bool take_run(uint8_t owner, uint64_t wanted, uint64_t least, struct memory_run *ret_run) {
    uint64_t length = 0;
    for (uint64_t i = 0; i < frame_count; i++) {
        length = owners[i] == FRAMES_NOBODY ? length + 1 : 0;
        bool ends = i + 1 == frame_count || owners[i + 1] != FRAMES_NOBODY;
        if (length < least || (length < wanted && !ends))
            continue;
        for (uint64_t taken = i + 1 - length; taken <= i; taken++)
            owners[taken] = owner;
        *ret_run = (struct memory_run){region, i + 1 - length, length};
        return true;
    }
    return false;
}

bool frames_take(uint8_t owner, uint64_t page_count, struct memory_run *ret_run) {
    return take_run(owner, page_count, page_count, ret_run);
}

void frames_give_back_all(uint8_t owner) {
    for (uint64_t i = 0; i < frame_count; i++)
        if (owners[i] == owner)
            owners[i] = FRAMES_NOBODY;
}

uint64_t frames_count(uint8_t owner) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < frame_count; i++)
        count += owners[i] == owner;
    return count;
}

static bool source_take(struct image_source *source, uint64_t wanted_pages, struct memory_run *ret_run) {
    return take_run(((struct frame_source *)(void *)source)->owner, wanted_pages, 1, ret_run);
}

/* Do nothing: memory_give_back_all gives back these frames with all others of their owner. */
static void source_give_back(struct image_source *source, const struct memory_run *run) {
    (void)source;
    (void)run;
}

struct frame_source frames_source_for(uint8_t owner) {
    return (struct frame_source){{source_take, source_give_back}, owner};
}
