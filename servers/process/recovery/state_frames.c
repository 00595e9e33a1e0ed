#include "libsys/text/format.h"
#include "servers/process/recovery/process_state.h"

/* A run of frames that a record names. Pages of processes may be shared, all others have one owner. */
struct named_frames {
    uint64_t first, count;
    bool may_be_shared;
};

/* Where a walk through all frames of an export is. All zero: at the beginning. */
struct frame_walk {
    uint64_t at;
    struct export_record record;
    uint32_t next; /* run in the record */
    bool damaged;  /* a record has another size */
};

static bool has_size(struct frame_walk *walk, size_t bytes, bool or_many) {
    bool good = or_many ? walk->record.length_bytes % bytes == 0 && walk->record.length_bytes > 0
                        : walk->record.length_bytes == bytes;
    walk->damaged = walk->damaged || !good;
    return good;
}

/* The run of a record of one run. False: it names no frame. */
static bool run_of(struct frame_walk *walk, struct named_frames *ret_run) {
    const void *bytes = walk->record.bytes;
    const struct process_state_own *own = bytes;
    const struct process_state_pool *pool = bytes;
    const struct process_state_thread *thread = bytes;
    const struct process_state_staged *staged = bytes;
    *ret_run = (struct named_frames){0};
    if (walk->record.kind == PROCESS_STATE_OWN && has_size(walk, sizeof *own, false))
        *ret_run = (struct named_frames){own->frame, own->count, false};
    else if (walk->record.kind == PROCESS_STATE_POOL && has_size(walk, sizeof *pool, false))
        *ret_run = (struct named_frames){pool->frame, pool->count, false};
    else if (walk->record.kind == PROCESS_STATE_THREAD && has_size(walk, sizeof *thread, false))
        *ret_run = (struct named_frames){thread->message_frame, thread->message_frame != FRAMES_NONE, false};
    else if (walk->record.kind == PROCESS_STATE_STAGED && has_size(walk, sizeof *staged, false))
        *ret_run = (struct named_frames){staged->frame, 1, false};
    return ret_run->count > 0;
}

/* The next run of all that the export names. False: there is none, or the export is damaged. */
static bool next_run(const struct export *from, struct frame_walk *walk, struct named_frames *ret_run) {
    for (;;) {
        const struct process_state_pages *pages = walk->record.bytes;
        if (walk->record.kind == PROCESS_STATE_PAGES && walk->next < walk->record.length_bytes / sizeof *pages) {
            pages += walk->next++;
            *ret_run = (struct named_frames){pages->frame & VM_FRAME, pages->count, true};
            return true;
        }
        if (walk->damaged || !export_next(from, &walk->at, &walk->record))
            return false;
        walk->next = 0;
        if (walk->record.kind == PROCESS_STATE_PAGES) {
            if (!has_size(walk, sizeof *pages, true))
                return false;
        } else if (run_of(walk, ret_run)) {
            return true;
        }
    }
}

/* The highest run of `page_count` frames in a region that no record names. False: there is none. */
static bool find_in_region(const struct frames_region *region, const struct export *from, uint64_t page_count,
                           uint64_t *ret_first) {
    uint64_t low = region->first_bit, end = low + region->page_count;
    for (bool moved = true; moved && end - low >= page_count;) {
        struct frame_walk walk = {0};
        struct named_frames run;
        moved = false;
        while (end - low >= page_count && next_run(from, &walk, &run)) {
            if (run.first >= end || run.first + run.count <= end - page_count)
                continue;
            end = run.first > low ? run.first : low;
            moved = true;
        }
    }
    *ret_first = end - page_count;
    return end - low >= page_count;
}

const char *process_state_find_room(const struct frames *frames, const struct export *from, uint64_t page_count,
                                    struct memory_run *ret_run) {
    static char reason[KEEP_NO_MAX];
    uint64_t first;
    for (uint32_t i = frames->region_count; i > 0; i--) {
        const struct frames_region *region = &frames->regions[i - 1];
        if (!find_in_region(region, from, page_count, &first))
            continue;
        *ret_run = (struct memory_run){region->memory, first - region->first_bit, page_count};
        return NULL;
    }
    format_into(reason, sizeof reason, "no %lu pages in a row are free for its tables", page_count);
    return reason;
}

/* Pages are counted only so far that none is overlooked: recovery_count() counts them anew. */
static bool claim_shared(struct frames *frames, const struct named_frames *run) {
    for (uint64_t frame = run->first; frame < run->first + run->count; frame++)
        if (frames_are_free(frames, frame, 1))
            frames_hold(frames, (uint32_t)frame);
        else if (!frames_share(frames, (uint32_t)frame))
            return false;
    return true;
}

static bool claim_owned(struct frames *frames, const struct named_frames *run) {
    if (!frames_are_free(frames, run->first, run->count))
        return false;
    for (uint64_t frame = run->first; frame < run->first + run->count; frame++)
        frames_hold(frames, (uint32_t)frame);
    return true;
}

/* Shared ones first: then no frame that is taken can be anybody else's. */
const char *process_state_claim(struct frames *frames, const struct export *from) {
    bool good = true;
    for (uint32_t round = 0; round < 2 && good; round++) {
        struct frame_walk walk = {0};
        struct named_frames run;
        while (good && next_run(from, &walk, &run)) {
            good = frames_are_there(frames, run.first, run.count);
            if (good && run.may_be_shared == (round == 0))
                good = run.may_be_shared ? claim_shared(frames, &run) : claim_owned(frames, &run);
        }
        good = good && !walk.damaged;
    }
    return good ? NULL : PROCESS_STATE_DAMAGED;
}
