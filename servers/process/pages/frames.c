#include "servers/process/pages/frames.h"

#include "libsys/text/string.h"

#define SHARERS_MAX UINT16_MAX
#define POOLS_PART \
    2U /* the second half is the pools', since a process takes more of its frames for them than for pages */

bool frames_add_region(struct frames *frames, cap_t memory, uint64_t page_count) {
    if (frames->region_count == FRAMES_REGIONS_MAX)
        return false;
    if (frames->region_count == 0)
        frames->bit_count = 64; /* so that no frame has the number FRAMES_NONE */
    frames->regions[frames->region_count++] = (struct frames_region){memory, page_count, frames->bit_count};
    frames->bit_count += (page_count / 64 + 1) * 64; /* at least one bit that stays taken follows */
    return true;
}

static uint64_t bitmap_bytes(const struct frames *frames) { return frames->bit_count / 8; }

uint64_t frames_bookkeeping_bytes(const struct frames *frames) {
    return bitmap_bytes(frames) + frames->bit_count * sizeof(uint16_t);
}

/* Mark bits [first, first + count). */
static void mark(struct frames *frames, uint64_t first, uint64_t count, bool taken) {
    while (count > 0) {
        uint64_t offset = first % 64;
        uint64_t part = 64 - offset < count ? 64 - offset : count;
        uint64_t mask = (part == 64 ? UINT64_MAX : (1ULL << part) - 1) << offset;
        if (taken)
            frames->bits[first / 64] |= mask;
        else
            frames->bits[first / 64] &= ~mask;
        first += part;
        count -= part;
    }
}

void frames_start(struct frames *frames, void *bookkeeping) {
    frames->bits = bookkeeping;
    frames->sharers = (uint16_t *)(void *)((uint8_t *)bookkeeping + bitmap_bytes(frames));
    memset(bookkeeping, 0xff, bitmap_bytes(frames));
    memset(frames->sharers, 0, frames->bit_count * sizeof frames->sharers[0]);
    frames->managed_count = frames->hint = frames->last_region = 0;
    for (uint32_t i = 0; i < frames->region_count; i++) {
        mark(frames, frames->regions[i].first_bit, frames->regions[i].page_count, false);
        frames->managed_count += frames->regions[i].page_count;
    }
    frames->free_count = frames->managed_count;
    frames->pools_first = frames->pools_hint = frames->bit_count - frames->bit_count / POOLS_PART;
}

/* The last region whose capability is not above `memory` and whose first bit is not above `bit`. There is one. */
static uint32_t find_region(const struct frames *frames, cap_t memory, uint64_t bit) {
    uint32_t low = 0, high = frames->region_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        const struct frames_region *region = &frames->regions[middle];
        if (region->memory <= memory && region->first_bit <= bit)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static const struct frames_region *region_of(const struct frames *frames, cap_t memory) {
    if (frames->regions[frames->last_region].memory == memory)
        return &frames->regions[frames->last_region];
    return &frames->regions[find_region(frames, memory, UINT64_MAX)];
}

void frames_reserve(struct frames *frames, const struct memory_run *run) {
    mark(frames, region_of(frames, run->memory)->first_bit + run->offset_pages, run->page_count, true);
    frames->free_count -= run->page_count;
}

void frames_give(struct frames *frames, const struct memory_run *run) {
    if (run->page_count == 0)
        return;
    uint64_t first = region_of(frames, run->memory)->first_bit + run->offset_pages;
    mark(frames, first, run->page_count, false);
    frames->free_count += run->page_count;
    if (first < frames->hint)
        frames->hint = first;
    if (first >= frames->pools_first && first < frames->pools_hint)
        frames->pools_hint = first;
}

/* The first bit in [from, end) that is `taken`, or `end`. */
static uint64_t find_bit(const struct frames *frames, uint64_t from, uint64_t end, bool taken) {
    while (from < end) {
        uint64_t word = frames->bits[from / 64];
        word = (taken ? word : ~word) >> from % 64;
        if (word != 0) {
            uint64_t found = from + (uint64_t)__builtin_ctzll(word);
            return found < end ? found : end;
        }
        from = (from / 64 + 1) * 64;
    }
    return end;
}

/* A run of free bits: the first that has `wanted`, else the longest. count == 0: no bit is free. */
struct bit_run {
    uint64_t first;
    uint64_t count;
};

static struct bit_run find_run(const struct frames *frames, uint64_t from, uint64_t wanted) {
    struct bit_run best = {0, 0};
    while (from < frames->bit_count) {
        uint64_t first = find_bit(frames, from, frames->bit_count, false);
        uint64_t limit = frames->bit_count - first < wanted ? frames->bit_count : first + wanted;
        uint64_t end = find_bit(frames, first, limit, true);
        if (end - first > best.count)
            best = (struct bit_run){first, end - first};
        if (best.count == wanted)
            break;
        from = end + 1;
    }
    return best;
}

/* Take a run that was found. The hint from which the search began moves on if nothing before the run is free. */
static struct memory_run take_found(struct frames *frames, const struct bit_run *found, uint64_t *hint) {
    const struct frames_region *region = &frames->regions[find_region(frames, UINT64_MAX, found->first)];
    mark(frames, found->first, found->count, true);
    frames->free_count -= found->count;
    if (find_bit(frames, *hint, found->first, false) == found->first)
        *hint = found->first + found->count;
    return (struct memory_run){region->memory, found->first - region->first_bit, found->count};
}

static uint64_t above_floor(const struct frames *frames) {
    return frames->free_count > frames->floor ? frames->free_count - frames->floor : 0;
}

bool frames_take(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run) {
    uint32_t one = wanted == 1 ? frames_take_one(frames) : FRAMES_NONE;
    if (wanted == 1) {
        if (one != FRAMES_NONE)
            *ret_run = frames_run_of(frames, one);
        return one != FRAMES_NONE;
    }
    uint64_t most = above_floor(frames);
    struct bit_run found = find_run(frames, frames->hint, wanted < most ? wanted : most);
    if (found.count < least)
        return false;
    *ret_run = take_found(frames, &found, &frames->hint);
    return true;
}

bool frames_take_for_pool(struct frames *frames, uint64_t wanted, uint64_t least, struct memory_run *ret_run) {
    struct bit_run found = find_run(frames, frames->pools_hint, wanted);
    if (found.count < wanted || above_floor(frames) < wanted)
        return frames_take(frames, wanted, least, ret_run);
    *ret_run = take_found(frames, &found, &frames->pools_hint);
    return true;
}

/* ---- single frames ---- */

uint32_t frames_take_one(struct frames *frames) {
    uint64_t found = find_bit(frames, frames->hint, frames->bit_count, false);
    if (found == frames->bit_count || frames->free_count <= frames->floor)
        return FRAMES_NONE;
    frames->bits[found / 64] |= 1ULL << found % 64;
    frames->free_count--;
    frames->hint = found + 1;
    return (uint32_t)found;
}

bool frames_share(struct frames *frames, uint32_t frame) {
    if (frames->sharers[frame] == SHARERS_MAX)
        return false;
    frames->sharers[frame]++;
    return true;
}

uint32_t frames_others(const struct frames *frames, uint32_t frame) { return frames->sharers[frame]; }

bool frames_is_shared(const struct frames *frames, uint32_t frame) { return frames_others(frames, frame) != 0; }

void frames_drop(struct frames *frames, uint32_t frame) {
    if (frames->sharers[frame] != 0) {
        frames->sharers[frame]--;
        return;
    }
    frames->bits[frame / 64] &= ~(1ULL << frame % 64);
    frames->free_count++;
    if (frame < frames->hint)
        frames->hint = frame;
}

static inline void hold(struct frames *frames, uint32_t frame) {
    uint64_t bit = 1ULL << frame % 64;
    if ((frames->bits[frame / 64] & bit) != 0) {
        frames->sharers[frame]++;
        return;
    }
    frames->bits[frame / 64] |= bit;
    frames->free_count--;
}

void frames_hold(struct frames *frames, uint32_t frame) { hold(frames, frame); }

uint32_t frames_hold_all(struct frames *frames, const uint32_t *numbers, uint32_t count, uint32_t mask) {
    uint32_t held = 0;
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] != 0) {
            hold(frames, numbers[i] & mask);
            held++;
        }
    return held;
}

struct memory_run frames_find_run(const struct frames *frames, uint32_t frame) {
    const struct frames_region *region = &frames->regions[find_region(frames, UINT64_MAX, frame)];
    return (struct memory_run){region->memory, frame - region->first_bit, 1};
}

struct memory_run frames_run_of(struct frames *frames, uint32_t frame) {
    const struct frames_region *region = &frames->regions[frames->last_region];
    if (frame - region->first_bit >= region->page_count) {
        frames->last_region = find_region(frames, UINT64_MAX, frame);
        region = &frames->regions[frames->last_region];
    }
    return (struct memory_run){region->memory, frame - region->first_bit, 1};
}

bool frames_are_there(const struct frames *frames, uint64_t first, uint64_t count) {
    const struct frames_region *region = &frames->regions[find_region(frames, UINT64_MAX, first)];
    uint64_t offset = first - region->first_bit;
    return first >= region->first_bit && offset < region->page_count && count <= region->page_count - offset;
}

bool frames_are_free(const struct frames *frames, uint64_t first, uint64_t count) {
    return find_bit(frames, first, first + count, true) == first + count;
}

uint32_t frames_number_of(const struct frames *frames, const struct memory_run *run) {
    return (uint32_t)(region_of(frames, run->memory)->first_bit + run->offset_pages);
}
