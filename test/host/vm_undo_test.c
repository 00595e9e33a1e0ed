/*
 * The plan of an address space, when the process server dies within a change of it: its successor undoes what was
 * noted. Are the regions and leaves those from before, is each entry found, and is each page of the server's own held
 * by exactly one of them?
 *
 * Entries themselves are not undone (pager.h): a frame is counted by the entry that names it. So each entry of a leaf
 * that was there before has to be found, whatever the change wrote into it.
 */
#include <string.h>

#include "libsys/wire/journal.h"
#include "servers/process/memory/vm.h"
#include "test/host/process_pages.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define LEAF_BYTES (VM_LEAF_PAGES * PAGE_BYTES)
#define LEAVES 1200U /* that the space has room for: more than four chunks of leaves hold */
#define SEEDS 12U
#define CHANGES 3000U /* of a seed */
#define PAGES 8192U   /* of the server's own */

static struct page_allocator allocator;
static struct vm *vm;
static struct journal notes_of_change;
static uint8_t notes[JOURNAL_BYTES];
static uint64_t random_state;

/* What has to be as before: all regions; number and place of each leaf. */
struct record {
    struct vm_region regions[VM_REGIONS_MAX];
    struct vm_leaf leaves[LEAVES];
    uint32_t region_count, leaf_count;
};
static struct record before, after;

static struct {
    uint32_t deaths, leaves_max, regions_max;
    uint64_t notes_max;
} seen;

static uint64_t below(uint64_t limit) { return (random_step(&random_state) >> 8) % limit; }

static void record(struct record *into) {
    into->region_count = into->leaf_count = 0;
    for (const struct vm_region *region = vm_region_after(vm, NULL); region != NULL;
         region = vm_region_after(vm, region))
        into->regions[into->region_count++] = *region;
    for (const struct vm_leaf *leaf = ordered_next(&vm->leaves, NULL); leaf != NULL;
         leaf = ordered_next(&vm->leaves, leaf))
        into->leaves[into->leaf_count++] = *leaf;
}

static bool same_records(void) {
    bool same =
        CHECK_EQUAL(after.region_count, before.region_count) && CHECK_EQUAL(after.leaf_count, before.leaf_count);
    for (uint32_t i = 0; same && i < before.region_count; i++)
        same = CHECK(memcmp(&after.regions[i], &before.regions[i], sizeof before.regions[i]) == 0);
    for (uint32_t i = 0; same && i < before.leaf_count; i++)
        same = CHECK_EQUAL(after.leaves[i].number, before.leaves[i].number) &&
               CHECK(after.leaves[i].entries == before.leaves[i].entries);
    return same;
}

/* Does a walk find each entry that is not 0, in ascending order, and nothing else? */
static bool finds_all(void) {
    uint32_t *entry;
    uaddr_t at = vm_next(vm, 0, LEAVES * LEAF_BYTES, &entry);
    for (uint32_t i = 0; i < after.leaf_count; i++) {
        for (uint32_t page = 0; page < VM_LEAF_PAGES; page++) {
            if (after.leaves[i].entries[page] == 0)
                continue;
            if (!CHECK_EQUAL(at, after.leaves[i].number * LEAF_BYTES + page * PAGE_BYTES))
                return false;
            at = vm_next(vm, at + PAGE_BYTES, LEAVES * LEAF_BYTES, &entry);
        }
    }
    return CHECK_EQUAL(at, LEAVES * LEAF_BYTES);
}

/* ---- changes ---- */

struct range {
    uaddr_t start, end;
};

static struct range some_range(void) {
    uint64_t leaf = below(LEAVES - 4), first = below(VM_LEAF_PAGES);
    uint64_t pages = below(40) == 0 ? VM_LEAF_PAGES * (1 + below(3)) : 1 + below(30);
    uaddr_t start = leaf * LEAF_BYTES + first * PAGE_BYTES;
    return (struct range){start, start + pages * PAGE_BYTES};
}

static void add_region(void) {
    struct range range = some_range();
    struct vm_region region = {.start = range.start, .end = range.end, .kind = 1};
    region.rights = below(2) == 0 ? MEMORY_READ : MEMORY_READ | MEMORY_WRITE;
    uint32_t status = vm_insert(&allocator, vm, &region);
    CHECK(status == OK || status == E_EXISTS || status == P_LIMIT);
}

static void add_entry(void) {
    uint32_t *entry;
    CHECK_EQUAL(vm_make_entry(&allocator, vm, some_range().start, &entry), OK);
    *entry = 1 + (uint32_t)below(1000);
}

static void cut_or_join(void) {
    struct vm_file *file;
    struct range range = some_range();
    uint32_t status = below(2) == 0 ? vm_cut(&allocator, vm, range.start, range.end) : (uint32_t)OK;
    CHECK(status == OK || status == P_LIMIT);
    while (below(2) == 0 && vm_join(&allocator, vm, range.start, range.end, &file))
        ;
}

/* As a fault, a fork's child or a mapping do: some changes that are whole together. */
static void add_something(void) {
    for (uint64_t steps = 1 + below(4); steps > 0; steps--) {
        uint64_t kind = below(8);
        if (kind < 2)
            add_region();
        else if (kind < 7)
            add_entry();
        else
            cut_or_join();
    }
}

/* As pager_remove() does. */
static void remove_something(void) {
    struct range range = some_range();
    struct vm_file *file;
    uint64_t kind = below(60);
    if (kind == 0)
        range = (struct range){0, LEAVES * LEAF_BYTES};
    else if (kind < 20)
        range.end = range.start + 3 * LEAF_BYTES;
    if (vm_prepare_removal(&allocator, vm, range.start, range.end, &file) != OK)
        return;
    for (struct vm_pages row = vm_next_pages(vm, range.start, range.end); row.count > 0;
         row = vm_next_pages(vm, row.end, range.end))
        memset(row.entries, 0, row.count * sizeof *row.entries);
    vm_remove(&allocator, vm, range.start, range.end);
    vm_trim(&allocator, vm, range.start, range.end);
}

static void settle(void) {
    journal_commit(&notes_of_change, 0);
    test_pages_settle();
}

static void restart(void) {
    journal_undo(&notes_of_change);
    test_pages_forget();
    vm_restart(vm, &allocator);
    test_pages_count();
    seen.deaths++;
}

/* A change, and a death at its end, before the commit, in every second one. */
static bool change(void) {
    bool removes = below(5) == 0, dies = below(2) == 0;
    record(&before);
    if (removes)
        remove_something();
    else
        add_something();
    uint64_t used = JOURNAL_USED(notes_of_change.mark);
    seen.notes_max = used > seen.notes_max ? used : seen.notes_max;
    if (removes) /* each part of a removal is whole by itself */
        record(&before);
    if (dies)
        restart();
    settle();
    record(&after);
    seen.leaves_max = after.leaf_count > seen.leaves_max ? after.leaf_count : seen.leaves_max;
    seen.regions_max = after.region_count > seen.regions_max ? after.region_count : seen.regions_max;
    return (!dies || same_records()) && finds_all() && CHECK_EQUAL(test_pages_taken, vm_record_count(vm));
}

static void start(uint64_t seed) {
    random_state = seed;
    test_pages_left = PAGES;
    test_pages_taken = 0;
    test_pages_are_kept = true;
    notes_of_change = (struct journal){.notes = notes};
    journal = &notes_of_change;
    vm = vm_create(&allocator);
    CHECK(vm != NULL);
    vm_name(vm);
}

static void finish(void) {
    for (struct vm_pages row = vm_next_pages(vm, 0, LEAVES * LEAF_BYTES); row.count > 0;
         row = vm_next_pages(vm, row.end, LEAVES * LEAF_BYTES))
        memset(row.entries, 0, row.count * sizeof *row.entries);
    vm_destroy(&allocator, vm);
    settle();
    CHECK_EQUAL(test_pages_taken, 0);
    journal = NULL;
    test_pages_are_kept = false;
}

static void dies_within_any_change(void) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool same = true;
        start(seed);
        for (uint32_t i = 0; i < CHANGES && same; i++) {
            same = change();
            if (!same)
                printf("#   seed %llu, change %u\n", (unsigned long long)seed, i);
        }
        finish();
    }
    printf("# %u deaths; at most %u leaves, %u regions, %llu bytes of notes\n", seen.deaths, seen.leaves_max,
           seen.regions_max, (unsigned long long)seen.notes_max);
    CHECK(seen.leaves_max > 2 * PAGE_BYTES / sizeof(struct vm_leaf)); /* several chunks */
    CHECK(seen.regions_max > 2 * PAGE_BYTES / sizeof(struct vm_region));
}

/* A range with more leaves than the journal could note at once goes in one call. */
static void a_range_of_thousands_of_leaves_goes(void) {
    start(1);
    for (uint64_t leaf = 0; leaf < VM_LEAVES_MAX; leaf++) {
        uint32_t *entry;
        CHECK_EQUAL(vm_make_entry(&allocator, vm, leaf * LEAF_BYTES, &entry), OK);
        settle();
    }
    vm_trim(&allocator, vm, 0, VM_LEAVES_MAX * LEAF_BYTES);
    CHECK_EQUAL(vm->leaves.count, 0);
    CHECK(JOURNAL_USED(notes_of_change.mark) < JOURNAL_BYTES / 4);
    finish();
}

SUITE(CASE(dies_within_any_change), CASE(a_range_of_thousands_of_leaves_goes));
