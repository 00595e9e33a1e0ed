/* The plan of an address space, compared with a flat array of pages: do they agree on every page? */
#include "servers/process/memory/vm.h"

#include <string.h>

#include "test/host/process_pages.h"
#include "test/host/suite.h"
#include "test/lib/random.h"

#define PAGES 192U     /* of the array */
#define BASE 0x400000U /* where it begins: a leaf ends within it, see page_at */
#define FILES 3U

struct vm_model_page {
    bool there;
    bool guarded; /* the first of a region below which no place is found */
    uint8_t rights;
    uint8_t kind;
    uint32_t file; /* 0 = none */
    uint64_t file_offset;
    uint32_t frame;
};

static struct page_allocator allocator;
static struct vm *vm;
static struct vm_model_page pages[PAGES];
static const struct vm_region nowhere;

/* The files are only names here: nothing but their addresses is used. */
static uint8_t file_names[FILES + 1];
static struct vm_file *file_of(uint32_t number) {
    return number == 0 ? NULL : (struct vm_file *)(void *)&file_names[number];
}

static uaddr_t page_at(uint64_t number) { return BASE + (VM_LEAF_PAGES - PAGES / 2 + number) * PAGE_BYTES; }

static void start(void) {
    test_pages_left = 10000;
    test_pages_taken = 0;
    memset(pages, 0, sizeof pages);
    vm = vm_create(&allocator);
    CHECK(vm != NULL);
}

static void finish(void) {
    for (struct vm_pages row = vm_next_pages(vm, 0, USER_LIMIT); row.count > 0;
         row = vm_next_pages(vm, row.end, USER_LIMIT))
        memset(row.entries, 0, row.count * sizeof *row.entries);
    vm_destroy(&allocator, vm);
    CHECK_EQUAL(test_pages_taken, 0);
}

static struct vm_region region_like(uint64_t first, uint64_t end, uint8_t rights, uint8_t kind) {
    return (struct vm_region){.start = page_at(first), .end = page_at(end), .rights = rights, .kind = kind};
}

/* Ascending, none empty, none over another; and page by page as in the array. */
static void compare(void) {
    uaddr_t end = 0;
    uint64_t count = 0, page_count = 0;
    for (const struct vm_region *region = vm_next_region(vm, 0); region != NULL; region = vm_next_region(vm, end)) {
        CHECK(region->start < region->end && region->start >= end);
        end = region->end;
        page_count += (region->end - region->start) / PAGE_BYTES;
        count++;
    }
    CHECK_EQUAL(count, vm->regions.count);
    CHECK_EQUAL(page_count, vm->page_count);
    for (uint32_t i = 0; i < PAGES; i++) {
        const struct vm_region *found = vm_find(vm, page_at(i) + i * 20);
        const struct vm_region *region = found != NULL ? found : &nowhere;
        CHECK_EQUAL(found != NULL, pages[i].there);
        CHECK_EQUAL(vm_is_free(vm, page_at(i), page_at(i + 1)), !pages[i].there);
        CHECK_EQUAL(vm_covers(vm, page_at(i), page_at(i + 1)), pages[i].there);
        if (!pages[i].there)
            continue;
        CHECK(region->rights == pages[i].rights && region->kind == pages[i].kind);
        CHECK(region->file == file_of(pages[i].file));
        CHECK(region->file == NULL || region->file_offset + page_at(i) - region->content_at == pages[i].file_offset);
    }
}

static uint32_t count_in(uint64_t first, uint64_t end) {
    uint32_t count = 0;
    for (uint64_t i = first; i < end; i++)
        count += pages[i].there ? 1 : 0;
    return count;
}

/* The first gap of `count` pages in [first, end), page by page; `end`: there is none. */
static uint64_t model_gap(uint64_t count, uint64_t first, uint64_t end) {
    for (uint64_t i = first; i + count <= end; i++)
        if (count_in(i, i + count) == 0 && (i + count == end || !pages[i + count].guarded))
            return i;
    return end;
}

static void compare_ranges(uint64_t first, uint64_t end, uint64_t wanted) {
    uint32_t count = count_in(first, end);
    CHECK_EQUAL(vm_is_free(vm, page_at(first), page_at(end)), count == 0);
    CHECK_EQUAL(vm_covers(vm, page_at(first), page_at(end)), count == end - first);
    uint64_t gap = model_gap(wanted, first, end);
    CHECK_EQUAL(vm_find_gap(vm, wanted * PAGE_BYTES, page_at(first), page_at(end)), gap == end ? 0 : page_at(gap));
}

/* Does the region before this one end here and look the same? Then it is to grow instead. */
static bool joins(const struct vm_region *region) {
    const struct vm_region *before = vm_find(vm, region->start - 1);
    return before != NULL && !region->guarded && before->rights == region->rights && before->kind == region->kind &&
           before->file == region->file && (region->file == NULL || before->content_at == region->content_at);
}

static void insert(uint64_t first, uint64_t end, uint64_t random) {
    static const uint8_t rights[] = {0, 1, 3, 5};
    uint32_t file = (uint32_t)(random / 16 % (FILES + 1));
    struct vm_region region = region_like(first, end, rights[random % 4], (uint8_t)(1 + random / 4 % 2));
    region.file = file_of(file);
    region.guarded = random / 128 % 8 == 0;
    if (file != 0) { /* each file lies in one piece over all of the array, or half a page shifted */
        region.content_at = page_at(0) + (random / 64 % 2) * 8;
        region.file_offset = 0x10000U * file + (random / 64 % 2) * 8;
        region.content_bytes = 20 * PAGE_BYTES;
    }
    uint32_t before = vm->regions.count + (joins(&region) ? 0 : 1);
    CHECK_EQUAL(vm_insert(&allocator, vm, &region), OK);
    CHECK_EQUAL(vm->regions.count, before);
    for (uint64_t i = first; i < end; i++)
        pages[i] = (struct vm_model_page){true, region.guarded && i == first,     region.rights, region.kind,
                                          file, 0x10000U * file + i * PAGE_BYTES, pages[i].frame};
}

/* Does one region lie on both sides of this border? */
static uint32_t is_inside(uaddr_t at) {
    const struct vm_region *region = vm_find(vm, at);
    return region != NULL && region->start < at ? 1 : 0;
}

static void cut(uint64_t first, uint64_t end) {
    uint32_t more = is_inside(page_at(first)) + is_inside(page_at(end));
    uint32_t before = vm->regions.count;
    CHECK_EQUAL(vm_cut(&allocator, vm, page_at(first), page_at(end)), OK);
    CHECK_EQUAL(vm->regions.count, before + more);
}

/* One region more only if it is a hole in the middle of one. */
static void remove_range(uint64_t first, uint64_t end) {
    const struct vm_region *low = vm_find(vm, page_at(first));
    bool hole = low != NULL && low->start < page_at(first) && low->end > page_at(end);
    struct vm_file *file = hole ? low->file : NULL, *cut_file;
    uint32_t before = vm->regions.count;
    CHECK_EQUAL(vm_prepare_removal(&allocator, vm, page_at(first), page_at(end), &cut_file), OK);
    CHECK(cut_file == file);
    CHECK_EQUAL(vm->regions.count, before + (hole ? 1 : 0));
    vm_remove(&allocator, vm, page_at(first), page_at(end));
    if (end < PAGES && pages[end].there && pages[end - 1].there)
        pages[end].guarded = pages[end].guarded && vm_find(vm, page_at(end))->guarded;
    for (uint64_t i = first; i < end; i++)
        pages[i].there = pages[i].guarded = false;
}

static void note_frame(uint64_t page, uint64_t random) {
    uint32_t *entry;
    if (CHECK_EQUAL(vm_make_entry(&allocator, vm, page_at(page) + random % PAGE_BYTES, &entry), OK) &&
        CHECK_EQUAL(*entry, pages[page].frame))
        *entry = pages[page].frame = random % 3 == 0 ? 0 : (uint32_t)(random >> 40) + 1;
}

/* Every frame of a range, in order, and no other. */
static void compare_frames(uint64_t first, uint64_t end) {
    uint32_t *entry;
    uaddr_t at = vm_next(vm, page_at(first), page_at(end), &entry);
    for (uint64_t i = first; i < end; i++) {
        const uint32_t *seen = vm_entry(vm, page_at(i));
        CHECK_EQUAL(seen != NULL ? *seen : 0, pages[i].frame);
        if (pages[i].frame == 0)
            continue;
        if (!CHECK_EQUAL(at, page_at(i)))
            return;
        CHECK_EQUAL(*entry, pages[i].frame);
        at = vm_next(vm, at + PAGE_BYTES, page_at(end), &entry);
    }
    CHECK_EQUAL(at, page_at(end));
}

/* Compare the array with the plan, row by row. */
static void compare_rows(uint64_t first, uint64_t end) {
    uint64_t i = first;
    for (struct vm_pages row = vm_next_pages(vm, page_at(first), page_at(end)); row.count > 0;
         row = vm_next_pages(vm, row.end, page_at(end))) {
        for (; page_at(i) < row.start; i++)
            CHECK_EQUAL(pages[i].frame, 0);
        for (uint32_t j = 0; j < row.count && i < end; j++, i++)
            if (!CHECK(row.entries[j] != 0 && row.entries[j] == pages[i].frame))
                return;
        if (!CHECK_EQUAL(row.end, page_at(i)))
            return;
    }
    for (; i < end; i++)
        CHECK_EQUAL(pages[i].frame, 0);
}

static void random_steps_against_an_array(void) {
    uint64_t state = 0x5eed;
    uint32_t most = 0;
    start();
    for (uint32_t step = 0; step < 60000 && !test_has_failed(); step++) {
        uint64_t random = random_step(&state);
        uint64_t length = 1 + random % (random / 8 % 4 == 0 ? 40 : 3);
        uint64_t first = (random >> 16) % (PAGES - length);
        uint64_t end = first + length;
        switch (random >> 60) {
        case 0:
        case 1:
            remove_range(first, end);
            break;
        case 2:
            cut(first, end);
            break;
        case 3:
        case 4:
            note_frame(first, random_step(&state));
            break;
        default:
            if (count_in(first, end) == 0)
                insert(first, end, random >> 24);
        }
        compare_ranges(first, end, 1 + random % length);
        compare_frames(first, end);
        compare_rows(first, end);
        if (step % 16 == 0)
            compare();
        if (vm->regions.count > most)
            most = vm->regions.count;
    }
    printf("# up to %u regions\n", most);
    CHECK(most > VM_OWN_REGIONS);
    finish();
}

static uaddr_t slot_at(uint64_t slot) { return BASE + 2 * slot * PAGE_BYTES; }

static uint32_t put_at(uint64_t slot) {
    struct vm_region region = {.start = slot_at(slot), .end = slot_at(slot) + PAGE_BYTES, .rights = 1, .kind = 1};
    return vm_insert(&allocator, vm, &region);
}

static void remove_at(uint64_t slot) {
    struct vm_file *file;
    CHECK_EQUAL(vm_prepare_removal(&allocator, vm, slot_at(slot), slot_at(slot + 1), &file), OK);
    vm_remove(&allocator, vm, slot_at(slot), slot_at(slot + 1));
}

/* Each region is found, in order, and no other; and they take no more pages than if all chunks were half full. */
static void compare_slots(const bool *taken, uint32_t count) {
    const struct vm_region *region = vm_next_region(vm, 0);
    for (uint64_t slot = 0; slot < count; slot++) {
        CHECK_EQUAL(vm_find(vm, slot_at(slot)) != NULL, taken[slot]);
        if (!taken[slot])
            continue;
        if (!CHECK(region != NULL && region->start == slot_at(slot)))
            return;
        region = vm_next_region(vm, region->end);
    }
    CHECK(region == NULL);
    CHECK(vm->regions.chunk_count < VM_REGION_CHUNKS);
    CHECK(vm_record_count(vm) <= 1 + ORDERED_CHUNKS(vm->regions.count, sizeof(struct vm_region)));
}

/* Thousands of regions, many times over: up to the limit in any order, and down to a few, which must not
 * keep many chunks in use. */
static void regions_by_thousands(void) {
    enum { SLOTS = 3000 };
    static bool taken[SLOTS];
    uint64_t state = 0x7ee;
    start();
    memset(taken, 0, sizeof taken);
    for (uint32_t round = 0; round < 12 && !test_has_failed(); round++) {
        uint32_t wanted = round % 2 == 0 ? VM_REGIONS_MAX : 40 + round * 30, stride = 1 + round * 7;
        for (uint64_t step = 0; vm->regions.count != wanted; step++) {
            uint64_t slot = round % 4 < 2 ? random_step(&state) % SLOTS : step * stride % SLOTS;
            slot = round % 4 >= 2 && step > 4 * SLOTS ? random_step(&state) % SLOTS : slot;
            if (taken[slot] == (round % 2 == 0))
                continue;
            if (taken[slot])
                remove_at(slot);
            else
                CHECK_EQUAL(put_at(slot), OK);
            taken[slot] = !taken[slot];
        }
        compare_slots(taken, SLOTS);
        for (uint64_t slot = 0; round % 2 == 0 && slot < SLOTS; slot++)
            CHECK(taken[slot] || put_at(slot) == P_LIMIT);
    }
    finish();
}

/* At the limit no region can be added or split, but a region may join its neighbour, and removals that
 * need no further region work. */
static void regions_have_a_limit(void) {
    struct vm_file *file;
    start();
    for (uint32_t i = 1; i < VM_REGIONS_MAX; i++)
        CHECK_EQUAL(put_at(i), OK);
    struct vm_region wide = {.start = slot_at(5000), .end = slot_at(5010), .rights = 1, .kind = 1};
    CHECK_EQUAL(vm_insert(&allocator, vm, &wide), OK);
    CHECK_EQUAL(vm->regions.count, VM_REGIONS_MAX);
    struct vm copy = *vm;
    CHECK_EQUAL(put_at(0), P_LIMIT);
    CHECK_EQUAL(vm_cut(&allocator, vm, slot_at(1), slot_at(5)), OK); /* these are borders already */
    CHECK_EQUAL(vm_cut(&allocator, vm, slot_at(1), slot_at(5005)), P_LIMIT);
    CHECK_EQUAL(vm_cut(&allocator, vm, slot_at(5001), slot_at(5002)), P_LIMIT);
    CHECK_EQUAL(vm_prepare_removal(&allocator, vm, slot_at(5001), slot_at(5002), &file), P_LIMIT);
    CHECK_EQUAL(vm->regions.count, copy.regions.count);
    CHECK_EQUAL(vm->page_count, copy.page_count);
    struct vm_region like = {.start = slot_at(1) + PAGE_BYTES, .end = slot_at(2), .rights = 1, .kind = 1};
    CHECK_EQUAL(vm_insert(&allocator, vm, &like), OK);
    CHECK_EQUAL(vm_prepare_removal(&allocator, vm, slot_at(4999), slot_at(5003), &file), OK); /* its beginning */
    vm_remove(&allocator, vm, slot_at(4999), slot_at(5003));
    CHECK_EQUAL(vm_prepare_removal(&allocator, vm, slot_at(5008), slot_at(5020), &file), OK); /* its end */
    vm_remove(&allocator, vm, slot_at(5008), slot_at(5020));
    CHECK_EQUAL(vm->regions.count, VM_REGIONS_MAX);
    CHECK(vm_find(vm, slot_at(5003) - 1) == NULL && vm_find(vm, slot_at(5008)) == NULL);
    CHECK(vm_covers(vm, slot_at(5003), slot_at(5008)));
    remove_at(7);
    CHECK_EQUAL(vm_cut(&allocator, vm, slot_at(5004), slot_at(5006)), P_LIMIT); /* two, and there is room for one */
    CHECK_EQUAL(vm->regions.count, VM_REGIONS_MAX - 1);
    CHECK(vm_find(vm, slot_at(5003))->end == slot_at(5008));
    CHECK_EQUAL(vm_cut(&allocator, vm, slot_at(5004), slot_at(5008)), OK);
    finish();
}

static void leaves_have_a_limit(void) {
    uint32_t *entry;
    start();
    for (uint64_t i = 0; i < VM_LEAVES_MAX; i++) { /* in an order that puts each somewhere else */
        uint64_t number = i * 37 % VM_LEAVES_MAX;
        if (!CHECK_EQUAL(
                vm_make_entry(&allocator, vm, number * VM_LEAF_PAGES * PAGE_BYTES + number % 1024 * PAGE_BYTES, &entry),
                OK))
            return;
        *entry = (uint32_t)number + 1;
    }
    CHECK_EQUAL(test_pages_taken, vm_record_count(vm));
    CHECK_EQUAL(vm_make_entry(&allocator, vm, VM_LEAVES_MAX * VM_LEAF_PAGES * PAGE_BYTES, &entry), P_LIMIT);
    CHECK_EQUAL(test_pages_taken, vm_record_count(vm));
    CHECK_EQUAL(vm_make_entry(&allocator, vm, PAGE_BYTES, &entry), OK); /* where there is a leaf */
    uaddr_t end = (VM_LEAVES_MAX + 2) * VM_LEAF_PAGES * PAGE_BYTES;
    uaddr_t at = vm_next(vm, 0, end, &entry);
    for (uint64_t i = 0; i < VM_LEAVES_MAX; i++) {
        CHECK_EQUAL(at, i * VM_LEAF_PAGES * PAGE_BYTES + i % 1024 * PAGE_BYTES);
        CHECK_EQUAL(*entry, i + 1);
        at = vm_next(vm, at + PAGE_BYTES, end, &entry);
    }
    CHECK_EQUAL(at, end);
    for (uint64_t i = 0; i < VM_LEAVES_MAX; i += 2) { /* every other one goes, and comes back */
        uaddr_t base = i * VM_LEAF_PAGES * PAGE_BYTES;
        *vm_entry(vm, base + i % 1024 * PAGE_BYTES) = 0;
        vm_trim(&allocator, vm, base, base + PAGE_BYTES);
        CHECK(vm_entry(vm, base) == NULL && vm_entry(vm, base + VM_LEAF_PAGES * PAGE_BYTES) != NULL);
    }
    CHECK_EQUAL(vm->leaves.count, VM_LEAVES_MAX / 2);
    finish();
}

/*
 * Each page request to the page allocator fails once: nothing changes, and the operation succeeds once there is a page.
 */
static void store_runs_out(void) {
    uint32_t *entry, refused = 0;
    struct vm_file *file;
    test_pages_taken = 0;
    test_pages_left = 0;
    CHECK(vm_create(&allocator) == NULL);
    start();
    test_pages_left = 0;
    CHECK_EQUAL(vm_make_entry(&allocator, vm, page_at(0), &entry), P_NO_MEMORY);
    CHECK(vm->leaves.count == 0 && vm_entry(vm, page_at(0)) == NULL);
    test_pages_left = 1;
    CHECK_EQUAL(vm_make_entry(&allocator, vm, page_at(0), &entry), OK);
    test_pages_left = 0;
    for (uint64_t i = 0; i < 400; i++) {
        uint32_t count = vm->regions.count;
        struct vm_region region = region_like(4 * i, 4 * i + 3, 1, 1);
        uint32_t status = vm_insert(&allocator, vm, &region);
        if (status != OK) {
            CHECK(status == P_NO_MEMORY && vm->regions.count == count && vm_find(vm, page_at(4 * i)) == NULL);
            test_pages_left++;
            refused++;
            CHECK_EQUAL(vm_insert(&allocator, vm, &region), OK);
        }
        status = vm_cut(&allocator, vm, page_at(4 * i + 1), page_at(4 * i + 2));
        if (status != OK) {
            CHECK(status == P_NO_MEMORY && vm->regions.count == count + 1);
            CHECK(vm_find(vm, page_at(4 * i))->end == page_at(4 * i + 3));
            refused++;
            while (vm_join(&allocator, vm, page_at(4 * i), page_at(4 * i + 3), &file))
                CHECK(false);
        }
    }
    CHECK(refused > 10);
    finish();
}

SUITE(CASE(random_steps_against_an_array), CASE(regions_by_thousands), CASE(regions_have_a_limit),
      CASE(leaves_have_a_limit), CASE(store_runs_out));
