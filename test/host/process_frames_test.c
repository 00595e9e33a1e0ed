/* The frame allocator of the process server. */
#include <string.h>

#include "servers/process/pages/frames.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define REGION_PAGES 200U
#define REGIONS 3U

static struct frames frames;
static uint64_t bookkeeping[256];

static void start_frames(void) {
    static const uint64_t pages[REGIONS] = {64, REGION_PAGES, 1}; /* one ends with a word of the bitmap */
    memset(&frames, 0, sizeof frames);
    for (uint32_t i = 0; i < REGIONS; i++)
        CHECK(frames_add_region(&frames, 10 + i, pages[i]));
    CHECK(frames_bookkeeping_bytes(&frames) <= sizeof bookkeeping);
    memset(bookkeeping, 0, sizeof bookkeeping);
    frames_start(&frames, bookkeeping);
    CHECK_EQUAL(frames.free_count, 64 + REGION_PAGES + 1);
}

static void frames_runs_stay_in_their_region(void) {
    struct memory_run run;
    start_frames();
    CHECK(frames_take(&frames, 64, 64, &run) && run.memory == 10 && run.offset_pages == 0);
    CHECK(frames_take(&frames, 201, 1, &run) && run.memory == 11 && run.page_count == REGION_PAGES);
    CHECK(!frames_take(&frames, 2, 2, &run));
    CHECK(frames_take(&frames, 2, 1, &run) && run.memory == 12 && run.page_count == 1);
    CHECK(!frames_take(&frames, 1, 1, &run));
    CHECK_EQUAL(frames.free_count, 0);

    start_frames();
    CHECK(frames_take(&frames, 60, 60, &run) && run.memory == 10);
    CHECK(frames_take(&frames, 10, 10, &run) && run.memory == 11 && run.offset_pages == 0); /* not 4 and 6 */
    CHECK(frames_take(&frames, 4, 4, &run) && run.memory == 10 && run.offset_pages == 60);
}

/* Frames that pools gave back go to pools again, and to nothing else as long as there is room elsewhere. */
static void frames_for_pools_are_apart(void) {
    struct memory_run pool, run;
    start_frames();
    CHECK(frames_take_for_pool(&frames, 12, 12, &pool) && pool.memory == 11);
    const uint64_t first = pool.offset_pages;
    CHECK(frames_take_for_pool(&frames, 4, 4, &run) && run.offset_pages == first + 12);
    frames_give(&frames, &pool);
    CHECK(frames_take(&frames, 12, 12, &run) && run.memory == 10);
    CHECK(frames_take_for_pool(&frames, 12, 12, &run) && run.offset_pages == first); /* what was given back */
    CHECK(frames_take_for_pool(&frames, REGION_PAGES - first - 16, 1, &run));        /* all that is left there */
    CHECK(frames_take_for_pool(&frames, 60, 60, &run) && run.memory == 11 && run.offset_pages == 0);
}

/* As many regions as a machine can have: every frame is handed out once, and found again in its region. */
static void frames_of_many_regions(void) {
    static uint64_t much[FRAMES_REGIONS_MAX * 20];
    struct memory_run run;
    uint64_t all = 0;
    memset(&frames, 0, sizeof frames);
    for (uint32_t i = 0; i < FRAMES_REGIONS_MAX; i++) {
        CHECK(frames_add_region(&frames, 10 + i, 1 + i % 3));
        all += 1 + i % 3;
    }
    CHECK(!frames_add_region(&frames, 10 + FRAMES_REGIONS_MAX, 1));
    CHECK(frames_bookkeeping_bytes(&frames) <= sizeof much);
    frames_start(&frames, much);
    for (uint64_t i = 0, region = 0, offset = 0; i < all; i++) {
        CHECK(frames_take(&frames, 1, 1, &run) && run.memory == 10 + region && run.offset_pages == offset);
        uint32_t number = frames_number_of(&frames, &run);
        struct memory_run same = frames_run_of(&frames, number);
        CHECK(same.memory == run.memory && same.offset_pages == run.offset_pages);
        offset = offset == region % 3 ? 0 : offset + 1;
        region += offset == 0;
    }
    CHECK(!frames_take(&frames, 1, 1, &run));
    for (uint32_t i = FRAMES_REGIONS_MAX; i-- > 0;)
        frames_give(&frames, &(struct memory_run){10 + i, 0, 1 + i % 3});
    CHECK_EQUAL(frames.free_count, all);
    CHECK(frames_take(&frames, 3, 3, &run) && run.memory == 12 && run.offset_pages == 0);
}

/* Random takes and gives, compared with a plain array of owners: no frame is given out twice, or lost. */
static void frames_against_a_model(void) {
    static struct memory_run held[256];
    static uint8_t owned[REGIONS][REGION_PAGES];
    uint32_t held_count = 0;
    uint64_t held_pages = 0;
    uint64_t state = 0x1234567;
    start_frames();
    memset(owned, 0, sizeof owned);
    for (uint32_t step = 0; step < 20000; step++) {
        uint64_t random = random_step(&state);
        struct memory_run run;
        bool (*take)(struct frames *, uint64_t, uint64_t, struct memory_run *) =
            random % 4 ? frames_take_for_pool : frames_take;
        if (random % 2 == 0 && held_count < 256 && take(&frames, random / 4 % 30 + 1, 1, &run)) {
            for (uint64_t i = 0; i < run.page_count; i++)
                CHECK_EQUAL(owned[run.memory - 10][run.offset_pages + i]++, 0);
            held[held_count++] = run;
            held_pages += run.page_count;
        } else if (held_count > 0) {
            uint32_t pick = (uint32_t)(random / 4 % held_count);
            run = held[pick];
            for (uint64_t i = 0; i < run.page_count; i++)
                owned[run.memory - 10][run.offset_pages + i]--;
            frames_give(&frames, &run);
            held_pages -= run.page_count;
            held[pick] = held[--held_count];
        }
        if (test_has_failed())
            return;
        CHECK_EQUAL(frames.free_count + held_pages, frames.managed_count);
    }
    while (held_count > 0)
        frames_give(&frames, &held[--held_count]);
    struct memory_run run;
    CHECK(frames_take(&frames, REGION_PAGES, REGION_PAGES, &run)); /* all in one piece again */
}

/* Random holders come and go, compared with plain counts: a frame is free exactly when it has no holder. */
static void shared_frames_against_a_model(void) {
    static uint32_t holders[64 * 8];
    static uint32_t held[600];
    uint32_t held_count = 0, distinct = 0;
    uint64_t state = 0x777;
    start_frames();
    memset(holders, 0, sizeof holders);
    for (uint32_t step = 0; step < 30000 && !test_has_failed(); step++) {
        uint64_t random = random_step(&state);
        uint32_t pick = held_count > 0 ? (uint32_t)(random / 4 % held_count) : 0;
        if (random % 4 == 0 && held_count < 600) {
            uint32_t frame = frames_take_one(&frames);
            CHECK_EQUAL(frame == FRAMES_NONE, distinct == frames.managed_count);
            if (frame == FRAMES_NONE)
                continue;
            CHECK_EQUAL(holders[frame]++, 0);
            struct memory_run run = frames_run_of(&frames, frame);
            CHECK(run.page_count == 1 && frames_number_of(&frames, &run) == frame);
            held[held_count++] = frame;
            distinct++;
        } else if (random % 4 == 1 && held_count > 0 && held_count < 600) {
            CHECK(frames_share(&frames, held[pick]));
            holders[held[pick]]++;
            held[held_count++] = held[pick];
        } else if (held_count > 0) {
            frames_drop(&frames, held[pick]);
            distinct -= --holders[held[pick]] == 0 ? 1 : 0;
            held[pick] = held[--held_count];
        }
        CHECK_EQUAL(frames.free_count + distinct, frames.managed_count);
        if (held_count > 0)
            CHECK_EQUAL(frames_is_shared(&frames, held[held_count - 1]), holders[held[held_count - 1]] > 1);
    }
    while (held_count > 0)
        frames_drop(&frames, held[--held_count]);
    struct memory_run run;
    CHECK(frames_take(&frames, REGION_PAGES, REGION_PAGES, &run));
}

/* The lowest free frame is taken first, no frame has the number of none, and each region's lie where they say. */
static void single_frames_are_all_given_out(void) {
    static bool seen[REGIONS][REGION_PAGES];
    start_frames();
    memset(seen, 0, sizeof seen);
    uint32_t last = FRAMES_NONE;
    for (uint64_t i = 0; i < 64 + REGION_PAGES + 1; i++) {
        uint32_t frame = frames_take_one(&frames);
        CHECK(frame > last);
        last = frame;
        struct memory_run run = frames_run_of(&frames, frame);
        CHECK(run.memory >= 10 && run.memory < 10 + REGIONS && run.offset_pages < REGION_PAGES);
        CHECK(!seen[run.memory - 10][run.offset_pages]);
        seen[run.memory - 10][run.offset_pages] = true;
    }
    CHECK_EQUAL(frames_take_one(&frames), FRAMES_NONE);
    CHECK_EQUAL(frames.free_count, 0);
    frames_drop(&frames, last - 64); /* in the middle of the second region */
    CHECK_EQUAL(frames_take_one(&frames), last - 64);
}

static void holders_of_a_frame_have_a_limit(void) {
    start_frames();
    uint32_t frame = frames_take_one(&frames);
    uint32_t count = 0;
    while (count <= 1U << 20 && frames_share(&frames, frame))
        count++;
    CHECK_EQUAL(count, UINT16_MAX);
    CHECK(!frames_share(&frames, frame));
    for (uint32_t i = 0; i < count; i++) {
        CHECK(frames_is_shared(&frames, frame));
        frames_drop(&frames, frame);
    }
    CHECK(!frames_is_shared(&frames, frame));
    CHECK_EQUAL(frames.free_count, frames.managed_count - 1);
    frames_drop(&frames, frame);
    CHECK_EQUAL(frames.free_count, frames.managed_count);
}

SUITE(CASE(frames_runs_stay_in_their_region), CASE(frames_for_pools_are_apart), CASE(frames_of_many_regions),
      CASE(frames_against_a_model), CASE(shared_frames_against_a_model), CASE(single_frames_are_all_given_out),
      CASE(holders_of_a_frame_have_a_limit));
