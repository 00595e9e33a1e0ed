#include "servers/process/vm.h"

#include <stddef.h>

#include "libsys/string.h"

#define LEAF_BYTES (VM_LEAF_PAGES * PAGE_BYTES)
#define GROUP_PAGES VM_GROUP_PAGES

struct vm *vm_create(struct store *store) {
    struct vm *vm = store_take(store, offsetof(struct vm, leaves));
    if (vm == NULL)
        return NULL;
    vm->regions = store_take(store, 0);
    if (vm->regions != NULL)
        return vm;
    store_give(store, vm);
    return NULL;
}

void vm_destroy(struct store *store, struct vm *vm) {
    for (uint32_t i = vm->leaf_count; i > 0; i--) /* the next vm takes pages in the opposite order */
        store_give_clean(store, vm->leaves[i - 1].entries);
    store_give(store, vm->regions);
    store_give(store, vm);
}

/* ---- regions ---- */

/* The first region that ends behind `at`; region_count: there is none. */
static uint32_t region_from(const struct vm *vm, uaddr_t at) {
    uint32_t low = 0, high = vm->region_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (vm->regions[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_in(const struct vm *vm, uint32_t i, uaddr_t at) {
    return i < vm->region_count && vm->regions[i].start <= at && at < vm->regions[i].end;
}

struct vm_region *vm_find(struct vm *vm, uaddr_t at) {
    if (!is_in(vm, vm->last_region, at))
        vm->last_region = region_from(vm, at);
    return is_in(vm, vm->last_region, at) ? &vm->regions[vm->last_region] : NULL;
}

bool vm_is_free(const struct vm *vm, uaddr_t start, uaddr_t end) {
    uint32_t i = region_from(vm, start);
    return i == vm->region_count || vm->regions[i].start >= end;
}

uaddr_t vm_find_gap(const struct vm *vm, uint64_t bytes, uaddr_t low, uaddr_t high) {
    uaddr_t at = low;
    for (uint32_t i = region_from(vm, low); i < vm->region_count && vm->regions[i].start < high; i++) {
        uaddr_t start = vm->regions[i].start - (vm->regions[i].guarded ? PAGE_BYTES : 0);
        if (start >= at && start - at >= bytes)
            return at;
        at = vm->regions[i].end;
    }
    return at < high && high - at >= bytes ? at : 0;
}

bool vm_covers(const struct vm *vm, uaddr_t start, uaddr_t end) {
    for (uint32_t i = region_from(vm, start); start < end; i++) {
        if (i == vm->region_count || vm->regions[i].start > start)
            return false;
        start = vm->regions[i].end;
    }
    return true;
}

/* Could `next`, which begins where `region` ends, be a part of it? */
static bool continues(const struct vm_region *region, const struct vm_region *next) {
    return region->end == next->start && !next->guarded && region->rights == next->rights &&
           region->kind == next->kind && region->file == next->file &&
           (region->file == NULL || region->content_at == next->content_at);
}

static void put_at(struct vm *vm, uint32_t index, const struct vm_region *region) {
    memmove(&vm->regions[index + 1], &vm->regions[index], (vm->region_count - index) * sizeof *region);
    vm->regions[index] = *region;
    vm->region_count++;
}

static void take_out(struct vm *vm, uint32_t index, uint32_t count) {
    memmove(&vm->regions[index], &vm->regions[index + count],
            (vm->region_count - index - count) * sizeof(struct vm_region));
    vm->region_count -= count;
}

bool vm_insert(struct vm *vm, const struct vm_region *region) {
    uint32_t i = region_from(vm, region->start);
    if (i > 0 && continues(&vm->regions[i - 1], region)) {
        vm->regions[i - 1].end = region->end;
        return true;
    }
    if (vm->region_count == VM_REGIONS_MAX)
        return false;
    put_at(vm, i, region);
    return true;
}

/* Does `at` lie inside a region? */
static bool cuts(const struct vm *vm, uaddr_t at) {
    uint32_t i = region_from(vm, at);
    return i < vm->region_count && vm->regions[i].start < at;
}

static void cut_at(struct vm *vm, uaddr_t at) {
    if (!cuts(vm, at))
        return;
    uint32_t i = region_from(vm, at);
    struct vm_region upper = vm->regions[i];
    upper.start = at;
    upper.guarded = false;
    vm->regions[i].end = at;
    put_at(vm, i + 1, &upper);
}

bool vm_cut(struct vm *vm, uaddr_t start, uaddr_t end) {
    if (vm->region_count + cuts(vm, start) + cuts(vm, end) > VM_REGIONS_MAX)
        return false;
    cut_at(vm, start);
    cut_at(vm, end);
    return true;
}

bool vm_join(struct vm *vm, uaddr_t start, uaddr_t end, struct vm_file **ret_file) {
    uint32_t first = region_from(vm, start);
    for (uint32_t i = first > 0 ? first - 1 : 0; i + 1 < vm->region_count && vm->regions[i].start < end; i++) {
        if (!continues(&vm->regions[i], &vm->regions[i + 1]))
            continue;
        *ret_file = vm->regions[i].file;
        vm->regions[i].end = vm->regions[i + 1].end;
        take_out(vm, i + 1, 1);
        return true;
    }
    return false;
}

void vm_remove(struct vm *vm, uaddr_t start, uaddr_t end) {
    uint32_t first = region_from(vm, start), count = 0;
    while (first + count < vm->region_count && vm->regions[first + count].start < end)
        count++;
    take_out(vm, first, count);
}

/* ---- pages ---- */

/* The first leaf with at least this number. */
static uint32_t leaf_from(const struct vm *vm, uint64_t number) {
    uint32_t low = 0, high = vm->leaf_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (vm->leaves[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t index_of(uaddr_t at) { return (uint32_t)(at / PAGE_BYTES % VM_LEAF_PAGES); }

static bool is_leaf(const struct vm *vm, uint32_t i, uint64_t number) {
    return i < vm->leaf_count && vm->leaves[i].number == number;
}

/* The leaf with this number, or the first one behind it. */
static uint32_t find_leaf(struct vm *vm, uint64_t number) {
    if (!is_leaf(vm, vm->last_leaf, number))
        vm->last_leaf = leaf_from(vm, number);
    return vm->last_leaf;
}

uint32_t *vm_entry(struct vm *vm, uaddr_t at) {
    uint64_t number = at / LEAF_BYTES;
    uint32_t i = find_leaf(vm, number);
    return is_leaf(vm, i, number) ? &vm->leaves[i].entries[index_of(at)] : NULL;
}

/* Whoever asks is going to write it. */
static uint32_t *entry_to_write(struct vm *vm, uint32_t i, uaddr_t at) {
    vm->leaves[i].groups |= 1ULL << index_of(at) / GROUP_PAGES;
    return &vm->leaves[i].entries[index_of(at)];
}

/* Out of line: where the leaf is there, as mostly, it costs nothing. */
__attribute__((noinline)) static uint32_t *make_leaf(struct store *store, struct vm *vm, uint32_t i, uaddr_t at) {
    uint32_t *entries = vm->leaf_count < VM_LEAVES_MAX ? store_take(store, PAGE_BYTES) : NULL;
    if (entries == NULL)
        return NULL;
    memmove(&vm->leaves[i + 1], &vm->leaves[i], (vm->leaf_count - i) * sizeof(struct vm_leaf));
    vm->leaves[i] = (struct vm_leaf){.number = at / LEAF_BYTES, .entries = entries};
    vm->leaf_count++;
    return entry_to_write(vm, i, at);
}

uint32_t *vm_make_entry(struct store *store, struct vm *vm, uaddr_t at) {
    uint32_t i = find_leaf(vm, at / LEAF_BYTES);
    return is_leaf(vm, i, at / LEAF_BYTES) ? entry_to_write(vm, i, at) : make_leaf(store, vm, i, at);
}

/* The first entry from `first` on that is not 0; VM_LEAF_PAGES: there is none. */
static uint32_t next_in_leaf(struct vm_leaf *leaf, uint32_t first) {
    uint64_t groups = leaf->groups & ~0ULL << first / GROUP_PAGES;
    for (; groups != 0; groups &= groups - 1) {
        uint32_t group = (uint32_t)__builtin_ctzll(groups) * GROUP_PAGES;
        uint32_t page = group > first ? group : first;
        while (page < group + GROUP_PAGES && leaf->entries[page] == 0)
            page++;
        if (page < group + GROUP_PAGES)
            return page;
        if (first <= group)
            leaf->groups &= ~(1ULL << group / GROUP_PAGES);
    }
    return VM_LEAF_PAGES;
}

uaddr_t vm_next(struct vm *vm, uaddr_t at, uaddr_t end, uint32_t **ret_entry) {
    for (uint32_t i = find_leaf(vm, at / LEAF_BYTES); i < vm->leaf_count; i++) {
        uaddr_t base = vm->leaves[i].number * LEAF_BYTES;
        uint32_t first = at > base ? index_of(at) : 0;
        uint32_t page = next_in_leaf(&vm->leaves[i], first);
        if (page < VM_LEAF_PAGES && base + page * PAGE_BYTES < end) {
            *ret_entry = &vm->leaves[i].entries[page];
            return base + page * PAGE_BYTES;
        }
        if (base + LEAF_BYTES >= end)
            break;
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

void vm_trim(struct store *store, struct vm *vm, uaddr_t start, uaddr_t end) {
    for (uint32_t i = leaf_from(vm, start / LEAF_BYTES);
         i < vm->leaf_count && vm->leaves[i].number * LEAF_BYTES < end;) {
        uint32_t *entry;
        uaddr_t base = vm->leaves[i].number * LEAF_BYTES;
        if (vm_next(vm, base, base + LEAF_BYTES, &entry) < base + LEAF_BYTES) {
            i++;
            continue;
        }
        store_give_clean(store, vm->leaves[i].entries);
        vm->leaf_count--;
        memmove(&vm->leaves[i], &vm->leaves[i + 1], (vm->leaf_count - i) * sizeof(struct vm_leaf));
    }
}
