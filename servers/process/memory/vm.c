#include "servers/process/memory/vm.h"

#include <stddef.h>

#include "libsys/wire/journal.h"

#define LEAF_BYTES (VM_LEAF_PAGES * PAGE_BYTES)
#define GROUP_PAGES VM_GROUP_PAGES

/* Initial last_region and last_leaf: they match no address and no number. */
static struct vm_region no_region;
static struct vm_leaf no_leaf = {.number = UINT64_MAX};

struct vm *vm_create(struct page_allocator *allocator) {
    struct vm *vm = page_allocator_take(allocator, offsetof(struct vm, region_chunks));
    if (vm == NULL)
        return NULL;
    vm->last_region = &no_region;
    vm->last_leaf = &no_leaf;
    vm->regions = (struct ordered){.fresh = true,
                                   .element_bytes = sizeof(struct vm_region),
                                   .count_max = VM_REGIONS_MAX,
                                   .own_max = VM_OWN_REGIONS,
                                   .own = (uint8_t *)vm->own_regions,
                                   .chunks = vm->region_chunks};
    vm->leaves = (struct ordered){.fresh = true,
                                  .element_bytes = sizeof(struct vm_leaf),
                                  .count_max = VM_LEAVES_MAX,
                                  .own_max = VM_OWN_LEAVES,
                                  .own = (uint8_t *)vm->own_leaves,
                                  .chunks = vm->leaf_chunks};
    return vm;
}

void vm_name(struct vm *vm) { vm->regions.fresh = vm->leaves.fresh = false; }

void vm_destroy(struct page_allocator *allocator, struct vm *vm) {
    for (const struct vm_leaf *leaf = ordered_next(&vm->leaves, NULL); leaf != NULL;
         leaf = ordered_next(&vm->leaves, leaf))
        page_allocator_give_clean(allocator, leaf->entries);
    ordered_destroy(&vm->leaves, allocator);
    ordered_destroy(&vm->regions, allocator);
    page_allocator_give(allocator, vm);
}

uint64_t vm_record_count(const struct vm *vm) {
    return 1 + vm->leaves.count + ordered_page_count(&vm->leaves) + ordered_page_count(&vm->regions);
}

/* ---- regions ---- */

static uint64_t pages_of(const struct vm_region *region) { return (region->end - region->start) / PAGE_BYTES; }

/* Before a member of a region changes: note it, unless nothing names the vm. */
static void note(const struct vm *vm, const uint64_t *member) {
    if (!vm->regions.fresh)
        journal_note(member, sizeof *member);
}

struct vm_region *vm_next_region(const struct vm *vm, uaddr_t at) {
    struct vm_region *region = ordered_floor(&vm->regions, at);
    return region != NULL && region->end > at ? region : ordered_next(&vm->regions, region);
}

struct vm_region *vm_find(struct vm *vm, uaddr_t at) {
    if (at - vm->last_region->start < vm->last_region->end - vm->last_region->start)
        return vm->last_region;
    struct vm_region *region = ordered_floor(&vm->regions, at);
    if (region == NULL || at >= region->end)
        return NULL;
    vm->last_region = region;
    return region;
}

bool vm_is_free(const struct vm *vm, uaddr_t start, uaddr_t end) {
    const struct vm_region *region = vm_next_region(vm, start);
    return region == NULL || region->start >= end;
}

uaddr_t vm_find_gap(const struct vm *vm, uint64_t bytes, uaddr_t low, uaddr_t high) {
    uaddr_t at = low;
    const struct vm_region *region = vm_next_region(vm, low);
    for (; region != NULL && region->start < high; region = ordered_next(&vm->regions, region)) {
        uaddr_t start = region->start - (region->guarded ? PAGE_BYTES : 0);
        if (start >= at && start - at >= bytes)
            return at;
        at = region->end;
    }
    return at < high && high - at >= bytes ? at : 0;
}

bool vm_covers(const struct vm *vm, uaddr_t start, uaddr_t end) {
    while (start < end) {
        const struct vm_region *region = vm_next_region(vm, start);
        if (region == NULL || region->start > start)
            return false;
        start = region->end;
    }
    return true;
}

/* Could `next`, which begins where `region` ends, be a part of it? */
static bool continues(const struct vm_region *region, const struct vm_region *next) {
    return region->end == next->start && !next->guarded && region->rights == next->rights &&
           region->kind == next->kind && region->file == next->file &&
           (region->file == NULL || region->content_at == next->content_at);
}

static uint32_t put(struct page_allocator *allocator, struct vm *vm, const struct vm_region *region) {
    void *place;
    uint32_t status = ordered_insert(&vm->regions, allocator, region->start, &place);
    if (status == OK)
        *(struct vm_region *)place = *region;
    vm->last_region = &no_region;
    return status;
}

static void take_out(struct page_allocator *allocator, struct vm *vm, uaddr_t start) {
    ordered_remove(&vm->regions, allocator, start);
    vm->last_region = &no_region;
}

/* The region that ends last of those before this one; one that is in its way; NULL: neither is there. */
static struct vm_region *before_new(const struct vm *vm, const struct vm_region *region, bool *ret_is_free) {
    struct vm_region *before = ordered_last(&vm->regions);
    const struct vm_region *behind = NULL;
    if (before != NULL && before->end > region->start) { /* regions of an image and of a fork come in ascending order */
        before = ordered_floor(&vm->regions, region->start);
        behind = ordered_next(&vm->regions, before);
    }
    *ret_is_free = (before == NULL || before->end <= region->start) && (behind == NULL || behind->start >= region->end);
    return before;
}

uint32_t vm_insert(struct page_allocator *allocator, struct vm *vm, const struct vm_region *region) {
    bool is_free;
    struct vm_region *before = before_new(vm, region, &is_free);
    uint32_t status = OK;
    if (!is_free)
        return E_EXISTS;
    if (before != NULL && continues(before, region)) {
        note(vm, &before->end);
        before->end = region->end;
    } else {
        status = put(allocator, vm, region);
    }
    if (status == OK)
        vm->page_count += pages_of(region);
    return status;
}

uint32_t vm_insert_apart(struct page_allocator *allocator, struct vm *vm, const struct vm_region *region) {
    bool is_free;
    (void)before_new(vm, region, &is_free);
    return is_free ? put(allocator, vm, region) : (uint32_t)E_EXISTS;
}

/* The region that contains `at` and begins below it. NULL: there is none. */
static struct vm_region *cut_by(const struct vm *vm, uaddr_t at) {
    struct vm_region *region = vm_next_region(vm, at);
    return region != NULL && region->start < at ? region : NULL;
}

static uint32_t cut_at(struct page_allocator *allocator, struct vm *vm, uaddr_t at) {
    const struct vm_region *region = cut_by(vm, at);
    if (region == NULL)
        return OK;
    struct vm_region upper = *region;
    upper.start = at;
    upper.guarded = false;
    uint32_t status = put(allocator, vm, &upper);
    if (status != OK)
        return status;
    struct vm_region *lower = ordered_floor(&vm->regions, at - 1);
    note(vm, &lower->end);
    lower->end = at;
    return OK;
}

/* Undo a cut. */
static void heal_at(struct page_allocator *allocator, struct vm *vm, uaddr_t at) {
    uaddr_t end = vm_next_region(vm, at)->end;
    take_out(allocator, vm, at);
    struct vm_region *lower = vm_next_region(vm, at - 1);
    note(vm, &lower->end);
    lower->end = end;
}

uint32_t vm_cut(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end) {
    bool cuts = cut_by(vm, start) != NULL;
    uint32_t status = cut_at(allocator, vm, start);
    if (status != OK)
        return status;
    status = cut_at(allocator, vm, end);
    if (status != OK && cuts)
        heal_at(allocator, vm, start);
    return status;
}

bool vm_join(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end, struct vm_file **ret_file) {
    const struct vm_region *region = vm_next_region(vm, start > 0 ? start - 1 : 0), *next;
    for (; region != NULL && region->start < end; region = next) {
        next = ordered_next(&vm->regions, region);
        if (next == NULL || !continues(region, next))
            continue;
        *ret_file = region->file;
        heal_at(allocator, vm, next->start);
        return true;
    }
    return false;
}

uint32_t vm_prepare_removal(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end,
                            struct vm_file **ret_file) {
    const struct vm_region *region = cut_by(vm, start);
    *ret_file = NULL;
    if (region == NULL || region->end <= end)
        return OK;
    struct vm_file *file = region->file;
    uint32_t status = cut_at(allocator, vm, end);
    if (status == OK)
        *ret_file = file;
    return status;
}

void vm_remove(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end) {
    struct vm_region *region = cut_by(vm, start);
    vm->last_region = &no_region;
    if (region != NULL) {
        vm->page_count -= (region->end - start) / PAGE_BYTES;
        region->end = start;
        journal_settle();
    }
    for (region = vm_next_region(vm, start); region != NULL && region->start < end;
         region = vm_next_region(vm, start)) {
        if (region->end > end) {
            vm->page_count -= (end - region->start) / PAGE_BYTES;
            region->guarded = false;
            region->start = end;
            return;
        }
        vm->page_count -= pages_of(region);
        take_out(allocator, vm, region->start);
        journal_settle();
    }
}

/* ---- pages ---- */

static uint32_t index_of(uaddr_t at) { return (uint32_t)(at / PAGE_BYTES % VM_LEAF_PAGES); }

/* The leaf with this number; NULL: there is none. */
static struct vm_leaf *find_leaf(struct vm *vm, uint64_t number) {
    if (vm->last_leaf->number == number)
        return vm->last_leaf;
    struct vm_leaf *leaf = ordered_floor(&vm->leaves, number);
    if (leaf == NULL || leaf->number != number)
        return NULL;
    vm->last_leaf = leaf;
    return leaf;
}

/* The leaf with this number, or the first one behind it. NULL: there is none. */
static struct vm_leaf *leaf_from(struct vm *vm, uint64_t number) {
    if (vm->last_leaf->number == number)
        return vm->last_leaf;
    struct vm_leaf *leaf = ordered_floor(&vm->leaves, number);
    if (leaf == NULL || leaf->number != number)
        return ordered_next(&vm->leaves, leaf);
    vm->last_leaf = leaf;
    return leaf;
}

uint32_t *vm_entry(struct vm *vm, uaddr_t at) {
    const struct vm_leaf *leaf = find_leaf(vm, at / LEAF_BYTES);
    return leaf != NULL ? &leaf->entries[index_of(at)] : NULL;
}

static uint64_t group_of(uaddr_t at) { return 1ULL << index_of(at) / GROUP_PAGES; }

/* Out of line: mostly the leaf is there, and then this costs nothing. */
__attribute__((noinline)) static uint32_t make_leaf(struct page_allocator *allocator, struct vm *vm, uaddr_t at,
                                                    struct vm_leaf **ret_leaf) {
    uint32_t *entries = page_allocator_take(allocator, PAGE_BYTES);
    if (entries == NULL)
        return P_NO_MEMORY;
    void *place;
    uint32_t status = ordered_insert(&vm->leaves, allocator, at / LEAF_BYTES, &place);
    vm->last_leaf = &no_leaf;
    if (status != OK) {
        page_allocator_give_clean(allocator, entries);
        return status;
    }
    *ret_leaf = place;
    **ret_leaf = (struct vm_leaf){.number = at / LEAF_BYTES, .entries = entries, .groups = group_of(at)};
    return OK;
}

/*
 * Groups lie beside the leaves' numbers, so notes of leaves that move have them, too. An undo would put them back as
 * they were, while the entries stay.
 */
static void add_group(struct vm *vm, struct vm_leaf *leaf, uint64_t group) {
    if ((leaf->groups & group) != 0)
        return;
    if (!vm->leaves.fresh && journal_has_notes())
        vm->groups_in_doubt = true;
    leaf->groups |= group;
}

uint32_t vm_make_entry(struct page_allocator *allocator, struct vm *vm, uaddr_t at, uint32_t **ret_entry) {
    struct vm_leaf *leaf = find_leaf(vm, at / LEAF_BYTES);
    uint32_t status = leaf != NULL ? OK : make_leaf(allocator, vm, at, &leaf);
    if (status != OK)
        return status;
    add_group(vm, leaf, group_of(at)); /* the caller is going to write the entry */
    *ret_entry = &leaf->entries[index_of(at)];
    return OK;
}

/* The first entry in [first, end) that is not 0; `end`: there is none. */
static uint32_t next_in_leaf(struct vm_leaf *leaf, uint32_t first, uint32_t end) {
    uint64_t groups = leaf->groups & ~0ULL << first / GROUP_PAGES;
    for (; groups != 0; groups &= groups - 1) {
        uint32_t group = (uint32_t)__builtin_ctzll(groups) * GROUP_PAGES;
        uint32_t page = group > first ? group : first, stop = group + GROUP_PAGES < end ? group + GROUP_PAGES : end;
        while (page < stop && leaf->entries[page] == 0)
            page++;
        if (page < stop)
            return page;
        if (stop == end)
            break;
        if (first <= group)
            leaf->groups &= ~(1ULL << group / GROUP_PAGES);
    }
    return end;
}

uaddr_t vm_next(struct vm *vm, uaddr_t at, uaddr_t end, uint32_t **ret_entry) {
    struct vm_leaf *leaf = leaf_from(vm, at / LEAF_BYTES);
    while (leaf != NULL && leaf->number * LEAF_BYTES < end) {
        uaddr_t base = leaf->number * LEAF_BYTES;
        uint32_t first = at > base ? index_of(at) : 0;
        uint32_t stop = end - base < LEAF_BYTES ? (uint32_t)((end - base) / PAGE_BYTES) : VM_LEAF_PAGES;
        uint32_t page = next_in_leaf(leaf, first, stop);
        if (page < stop) {
            *ret_entry = &leaf->entries[page];
            return base + page * PAGE_BYTES;
        }
        if (stop < VM_LEAF_PAGES)
            break;
        leaf = ordered_next(&vm->leaves, leaf);
    }
    return end;
}

struct vm_pages vm_next_pages(struct vm *vm, uaddr_t at, uaddr_t end) {
    struct vm_pages pages = {0};
    pages.start = vm_next(vm, at, end, &pages.entries);
    pages.end = pages.start;
    uaddr_t leaf_end = (pages.start | (LEAF_BYTES - 1)) + 1;
    if (end > leaf_end)
        end = leaf_end;
    for (; pages.end < end && pages.entries[pages.count] != 0; pages.end += PAGE_BYTES)
        pages.count++;
    return pages;
}

void vm_trim(struct page_allocator *allocator, struct vm *vm, uaddr_t start, uaddr_t end) {
    struct vm_leaf *leaf = leaf_from(vm, start / LEAF_BYTES);
    while (leaf != NULL && leaf->number * LEAF_BYTES < end) {
        uint64_t number = leaf->number;
        if (next_in_leaf(leaf, 0, VM_LEAF_PAGES) < VM_LEAF_PAGES) {
            leaf = ordered_next(&vm->leaves, leaf);
            continue;
        }
        page_allocator_give_clean(allocator, leaf->entries);
        ordered_remove(&vm->leaves, allocator, number);
        vm->last_leaf = &no_leaf;
        journal_settle(); /* a range may have thousands of leaves, and the journal has no room for all */
        leaf = leaf_from(vm, number);
    }
}

/* ---- in place of a program that has died ---- */

void vm_restart(struct vm *vm, struct page_allocator *allocator) {
    vm->last_region = &no_region;
    vm->last_leaf = &no_leaf;
    vm->page_count = vm->frame_count = 0;
    page_allocator_hold(allocator, vm);
    ordered_restart(&vm->regions, allocator);
    ordered_restart(&vm->leaves, allocator);
    for (const struct vm_region *region = vm_region_after(vm, NULL); region != NULL;
         region = vm_region_after(vm, region))
        vm->page_count += pages_of(region);
    for (struct vm_leaf *leaf = ordered_next(&vm->leaves, NULL); leaf != NULL; leaf = ordered_next(&vm->leaves, leaf)) {
        page_allocator_hold(allocator, leaf->entries);
        if (vm->groups_in_doubt)
            leaf->groups = ~0ULL;
    }
    vm->groups_in_doubt = false;
}
