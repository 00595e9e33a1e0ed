/* The plan of an address space, against a flat array of pages: does it say of every page what the array says? */
#include "servers/process/vm.h"

#include <string.h>

#include "test/host/check.h"
#include "test/host/process_store.h"

#define PAGES 192U     /* of the array */
#define BASE 0x400000U /* where it begins: a leaf ends within it, see page_at */
#define FILES 3U

struct page {
    bool there;
    bool guarded; /* the first of a region below which no place is found */
    uint8_t rights;
    uint8_t kind;
    uint32_t file; /* 0 = none */
    uint64_t file_offset;
    uint32_t frame;
};

static struct store store;
static struct vm *vm;
static struct page pages[PAGES];
static const struct vm_region nowhere;

/* The files are only names here: nothing but their addresses is used. */
static uint8_t file_names[FILES + 1];
static struct vm_file *file_of(uint32_t number) {
    return number == 0 ? NULL : (struct vm_file *)(void *)&file_names[number];
}

static uaddr_t page_at(uint64_t number) { return BASE + (VM_LEAF_PAGES - PAGES / 2 + number) * PAGE_BYTES; }

static void start(void) {
    test_store_left = 1000;
    test_store_taken = 0;
    memset(pages, 0, sizeof pages);
    vm = vm_create(&store);
    CHECK(vm != NULL);
}

static void finish(void) {
    for (struct vm_pages row = vm_next_pages(vm, 0, USER_LIMIT); row.count > 0;
         row = vm_next_pages(vm, row.end, USER_LIMIT))
        memset(row.entries, 0, row.count * sizeof *row.entries);
    vm_destroy(&store, vm);
    CHECK_EQUAL(test_store_taken, 0);
}

static struct vm_region region_like(uint64_t first, uint64_t end, uint8_t rights, uint8_t kind) {
    return (struct vm_region){.start = page_at(first), .end = page_at(end), .rights = rights, .kind = kind};
}

/* Ascending, none empty, none over another; and page by page as in the array. */
static void compare(void) {
    for (uint32_t i = 0; i < vm->region_count; i++) {
        CHECK(vm->regions[i].start < vm->regions[i].end);
        CHECK(i == 0 || vm->regions[i - 1].end <= vm->regions[i].start);
    }
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

/* The first gap of so many pages in [first, end), page by page; `end`: there is none. */
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
    bool fits = joins(&region) || vm->region_count < VM_REGIONS_MAX;
    uint32_t before = vm->region_count + (joins(&region) || !fits ? 0 : 1);
    CHECK_EQUAL(vm_insert(vm, &region), fits);
    CHECK_EQUAL(vm->region_count, before);
    for (uint64_t i = first; fits && i < end; i++)
        pages[i] = (struct page){true, region.guarded && i == first,     region.rights, region.kind,
                                 file, 0x10000U * file + i * PAGE_BYTES, pages[i].frame};
}

/* Is there a region on both sides of this border, and the same? */
static uint32_t is_inside(uaddr_t at) {
    const struct vm_region *region = vm_find(vm, at);
    return region != NULL && region->start < at ? 1 : 0;
}

static void cut_and_remove(uint64_t first, uint64_t end, bool remove) {
    uint32_t more = is_inside(page_at(first)) + is_inside(page_at(end));
    uint32_t before = vm->region_count;
    bool fits = before + more <= VM_REGIONS_MAX;
    CHECK_EQUAL(vm_cut(vm, page_at(first), page_at(end)), fits);
    CHECK_EQUAL(vm->region_count, fits ? before + more : before);
    if (!fits || !remove)
        return;
    vm_remove(vm, page_at(first), page_at(end));
    for (uint64_t i = first; i < end; i++)
        pages[i].there = pages[i].guarded = false;
}

static void note_frame(uint64_t page, uint64_t random) {
    uint32_t *entry = vm_make_entry(&store, vm, page_at(page) + random % PAGE_BYTES);
    CHECK(entry != NULL && *entry == pages[page].frame);
    if (entry != NULL)
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

/* The same by rows. */
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
    for (uint32_t step = 0; step < 60000 && check_failed_count == 0; step++) {
        uint64_t random = check_random(&state);
        uint64_t length = 1 + random % (random / 8 % 4 == 0 ? 40 : 3);
        uint64_t first = (random >> 16) % (PAGES - length);
        uint64_t end = first + length;
        switch (random >> 60) {
        case 0:
        case 1:
            cut_and_remove(first, end, true);
            break;
        case 2:
            cut_and_remove(first, end, false);
            break;
        case 3:
        case 4:
            note_frame(first, check_random(&state));
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
        if (vm->region_count > most)
            most = vm->region_count;
    }
    printf("# up to %u regions\n", most);
    CHECK_EQUAL(most, VM_REGIONS_MAX); /* the limit was met */
    finish();
}

/* At the limit: nothing more goes in, nothing is cut in half, but what joins its neighbour does. */
static void regions_have_a_limit(void) {
    start();
    for (uint32_t i = 0; i < VM_REGIONS_MAX; i++) {
        struct vm_region region = region_like(2 * i, 2 * i + 1, 1, 1);
        CHECK(vm_insert(vm, &region));
    }
    struct vm copy = *vm;
    struct vm_region other = region_like(1, 2, 3, 1);
    CHECK(!vm_insert(vm, &other));
    CHECK(memcmp(&copy, vm, sizeof copy) == 0);
    CHECK(vm_cut(vm, page_at(0), page_at(5))); /* these are borders already */
    CHECK(memcmp(&copy, vm, sizeof copy) == 0);
    struct vm_region like = region_like(1, 2, 1, 1);
    CHECK(vm_insert(vm, &like));
    CHECK_EQUAL(vm->region_count, VM_REGIONS_MAX);
    copy = *vm;
    CHECK(!vm_cut(vm, page_at(1), page_at(8)));
    CHECK(!vm_cut(vm, page_at(0) - PAGE_BYTES, page_at(1)));
    CHECK(memcmp(&copy, vm, sizeof copy) == 0);
    vm_remove(vm, page_at(4), page_at(5));
    CHECK(vm_cut(vm, page_at(1), page_at(8)));
    finish();
}

/* Both ends of one cut within one region: it takes two more, and with room for one nothing changes. */
static void cut_is_all_or_nothing(void) {
    start();
    struct vm_region wide = region_like(0, 3, 1, 1);
    CHECK(vm_insert(vm, &wide));
    for (uint32_t i = 1; i < VM_REGIONS_MAX - 1; i++) {
        struct vm_region region = region_like(2 * i + 2, 2 * i + 3, 1, 1);
        CHECK(vm_insert(vm, &region));
    }
    struct vm copy = *vm;
    CHECK(!vm_cut(vm, page_at(1), page_at(2)));
    CHECK(memcmp(&copy, vm, sizeof copy) == 0);
    CHECK(vm_cut(vm, page_at(1), page_at(3)));
    CHECK_EQUAL(vm->region_count, VM_REGIONS_MAX);
    finish();
}

static void leaves_have_a_limit(void) {
    uint32_t *entry;
    start();
    for (uint64_t i = 0; i < VM_LEAVES_MAX; i++) { /* in an order that puts each somewhere else */
        uint64_t number = i * 37 % VM_LEAVES_MAX;
        entry = vm_make_entry(&store, vm, number * VM_LEAF_PAGES * PAGE_BYTES + number * PAGE_BYTES);
        CHECK(entry != NULL);
        *entry = (uint32_t)number + 1;
    }
    CHECK_EQUAL(test_store_taken, VM_LEAVES_MAX + 2);
    CHECK(vm_make_entry(&store, vm, VM_LEAVES_MAX * VM_LEAF_PAGES * PAGE_BYTES) == NULL);
    CHECK_EQUAL(test_store_taken, VM_LEAVES_MAX + 2);
    CHECK(vm_make_entry(&store, vm, PAGE_BYTES) != NULL); /* where there is a leaf */
    uaddr_t end = (VM_LEAVES_MAX + 2) * VM_LEAF_PAGES * PAGE_BYTES;
    uaddr_t at = vm_next(vm, 0, end, &entry);
    for (uint64_t i = 0; i < VM_LEAVES_MAX; i++) {
        CHECK_EQUAL(at, i * VM_LEAF_PAGES * PAGE_BYTES + i * PAGE_BYTES);
        CHECK_EQUAL(*entry, i + 1);
        at = vm_next(vm, at + PAGE_BYTES, end, &entry);
    }
    CHECK_EQUAL(at, end);
    finish();
}

static void store_runs_out(void) {
    test_store_taken = 0;
    test_store_left = 0;
    CHECK(vm_create(&store) == NULL);
    start();
    test_store_left = 0;
    CHECK(vm_make_entry(&store, vm, page_at(0)) == NULL);
    CHECK_EQUAL(vm->leaf_count, 0);
    CHECK(vm_entry(vm, page_at(0)) == NULL);
    test_store_left = 1;
    CHECK(vm_make_entry(&store, vm, page_at(0)) != NULL);
    finish();
}

int main(void) {
    static const struct check_case cases[] = {
        {"random_steps_against_an_array", random_steps_against_an_array},
        {"regions_have_a_limit", regions_have_a_limit},
        {"cut_is_all_or_nothing", cut_is_all_or_nothing},
        {"leaves_have_a_limit", leaves_have_a_limit},
        {"store_runs_out", store_runs_out},
    };
    return check_run(cases, sizeof cases / sizeof cases[0]);
}
