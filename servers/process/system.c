#include "servers/process/system.h"

static bool source_take(struct image_source *source, uint64_t wanted_pages, struct frame_run *ret_run) {
    struct system *system = (struct system *)(void *)source;
    return frames_take(&system->frames, wanted_pages, 1, ret_run);
}

static void source_give_back(struct image_source *source, const struct frame_run *run) {
    struct system *system = (struct system *)(void *)source;
    frames_give(&system->frames, run);
}

void system_init(struct system *system) { system->source = (struct image_source){source_take, source_give_back}; }

/* Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014 (SplitMix64). */
uint64_t system_random(struct system *system) {
    uint64_t value = system->random_state += 0x9e3779b97f4a7c15ULL;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
    return value ^ value >> 31;
}
