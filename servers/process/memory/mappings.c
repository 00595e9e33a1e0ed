#include "servers/process/memory/mappings.h"

#include "servers/process/memory/open_file.h"
#include "servers/process/memory/pressure.h"

#define RIGHTS_MASK ((uint64_t)(MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE))
#define PLACES_START 0x100000000000ULL /* mappings that may go anywhere go above this, ... */
#define PLACES_SPREAD (1ULL << 40)     /* ... from a random place less than this above it */

/* Pages of regions in a range. */
static uint64_t pages_in(const struct vm *vm, uaddr_t start, uaddr_t end) {
    uint64_t pages = 0;
    const struct vm_region *region = vm_next_region(vm, start);
    for (; region != NULL && region->start < end; region = vm_region_after(vm, region)) {
        uaddr_t from = region->start > start ? region->start : start, to = region->end < end ? region->end : end;
        pages += (to - from) / PAGE_BYTES;
    }
    return pages;
}

uint64_t mappings_page_count(const struct incarnation *incarnation) { return incarnation->vm->page_count; }

static uint64_t pages_left(const struct incarnation *incarnation) {
    uint64_t pages = mappings_page_count(incarnation);
    return pages < incarnation->pages_max ? incarnation->pages_max - pages : 0;
}

uint64_t mappings_pages_max(const struct limits *limits) {
    uint64_t pages = limits->now[PROCESS_LIMIT_MEMORY] / PAGE_BYTES;
    return pages < CONTEXT_PAGES_MAX ? pages : CONTEXT_PAGES_MAX;
}

static bool rights_are_valid(uint64_t rights) {
    uint64_t write_execute = MEMORY_WRITE | MEMORY_EXECUTE;
    return (rights & ~RIGHTS_MASK) == 0 && (rights & write_execute) != write_execute;
}

/* Errors: P_ARGUMENT; P_ADDRESS. */
static uint32_t check_range(uaddr_t at, uint64_t length_bytes) {
    if (at % PAGE_BYTES != 0 || length_bytes % PAGE_BYTES != 0 || length_bytes == 0)
        return P_ARGUMENT;
    bool inside = at >= PROCESS_MAP_LOWEST && at < PROCESS_MAP_END && length_bytes <= PROCESS_MAP_END - at;
    return inside ? OK : P_ADDRESS;
}

/* Find the place of a new mapping, and remove the mapping that it replaces. */
static uint32_t find_place(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                           uint64_t length_bytes, uint64_t flags, uaddr_t *ret_at) {
    if (length_bytes == 0 || length_bytes % PAGE_BYTES != 0 ||
        (flags & (PROCESS_MAP_AT | PROCESS_MAP_REPLACE)) == PROCESS_MAP_REPLACE ||
        (flags & (PROCESS_MAP_AT | PROCESS_MAP_GUARDED)) == (PROCESS_MAP_AT | PROCESS_MAP_GUARDED))
        return P_ARGUMENT;
    bool replaces = (flags & PROCESS_MAP_REPLACE) != 0; /* pages that are replaced are not counted twice */
    uint64_t replaced =
        replaces && check_range(at, length_bytes) == OK ? pages_in(incarnation->vm, at, at + length_bytes) : 0;
    if (length_bytes / PAGE_BYTES > pages_left(incarnation) + replaced)
        return P_LIMIT;
    if ((flags & PROCESS_MAP_AT) == 0) {
        uint64_t guard_bytes = (flags & PROCESS_MAP_GUARDED) != 0 ? PAGE_BYTES : 0;
        uaddr_t gap = vm_find_gap(incarnation->vm, guard_bytes + length_bytes, incarnation->places, PROCESS_MAP_END);
        *ret_at = gap + guard_bytes;
        return gap != 0 ? OK : P_LIMIT;
    }
    uint32_t status = check_range(at, length_bytes);
    *ret_at = at;
    if (status == OK && (flags & PROCESS_MAP_REPLACE) != 0)
        return pager_remove(context, incarnation, at, at + length_bytes);
    return status == OK && !vm_is_free(incarnation->vm, at, at + length_bytes) ? E_EXISTS : status;
}

uint32_t mappings_map(struct server_context *context, struct incarnation *incarnation,
                      const struct process_map_request *request, uaddr_t *ret_at) {
    uint64_t known = PROCESS_MAP_AT | PROCESS_MAP_REPLACE | PROCESS_MAP_TOGETHER | PROCESS_MAP_GUARDED;
    if (!rights_are_valid(request->rights) || (request->flags & ~known) != 0)
        return P_ARGUMENT;
    uaddr_t at;
    uint32_t status = find_place(context, incarnation, request->at, request->length_bytes, request->flags, &at);
    if (status != OK)
        return status;
    bool together = (request->flags & PROCESS_MAP_TOGETHER) != 0;
    uint8_t rights = (uint8_t)(request->rights != 0 ? request->rights | MEMORY_READ : 0);
    struct vm_region region = {
        .start = at,
        .end = at + request->length_bytes,
        .rights = together ? rights | MEMORY_READ : rights,
        .kind = together ? PROCESS_MAP_SHARED : PROCESS_MAP_ANONYMOUS,
        .guarded = (request->flags & PROCESS_MAP_GUARDED) != 0,
    };
    status = pager_add(context, incarnation, &region);
    for (uaddr_t page = at; status == OK && together && page < region.end; page += PAGE_BYTES)
        status = pager_bring(context, incarnation, page, MEMORY_READ);
    if (status == OK && together && rights == 0)
        status = pager_protect(context, incarnation, at, region.end, 0);
    if (status != OK)
        (void)pager_remove(context, incarnation, at, region.end); /* no new region: it removes an end of one, or all */
    *ret_at = at;
    return status;
}

uint32_t mappings_map_file(struct server_context *context, struct incarnation *incarnation, uint32_t owner,
                           const struct process_map_file_request *request, struct process_map_file_reply *reply,
                           char *reason) {
    uint64_t known = PROCESS_MAP_AT | PROCESS_MAP_REPLACE;
    if (!rights_are_valid(request->rights) || (request->flags & ~known) != 0)
        return P_ARGUMENT;
    if (!context_has_slots(context) || context->files.held_count >= VM_FILES_MAPPED_MAX)
        return P_LIMIT; /* the rest is for programs' images */
    struct vm_file *file;
    uint32_t status = open_file(context, owner, request->path, request->length_bytes, &file, reason);
    if (status != OK)
        return status;
    uaddr_t at = 0;
    if (request->offset_bytes % PAGE_BYTES != 0 || request->offset_bytes >= file->size_bytes)
        status = P_ARGUMENT;
    if (status == OK)
        status = find_place(context, incarnation, request->at, request->size_bytes, request->flags, &at);
    if (status == OK) {
        uint64_t rest = file->size_bytes - request->offset_bytes;
        struct vm_region region = {
            .start = at,
            .end = at + request->size_bytes,
            .rights = (uint8_t)(request->rights != 0 ? request->rights | MEMORY_READ : 0),
            .kind = (request->rights & MEMORY_WRITE) != 0 ? PROCESS_MAP_PRIVATE : PROCESS_MAP_FILE,
            .file = file,
            .content_at = at,
            .content_bytes = rest < request->size_bytes ? rest : request->size_bytes,
            .file_offset = request->offset_bytes,
        };
        status = pager_add(context, incarnation, &region);
        if (status != OK)
            (void)pager_remove(context, incarnation, at, region.end);
    }
    *reply = (struct process_map_file_reply){at, file->size_bytes};
    vm_file_drop(&context->files, file);
    return status;
}

uint32_t mappings_unmap(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                        uint64_t length_bytes) {
    uint32_t status = check_range(at, length_bytes);
    pressure_take_for(context, 0); /* it gives back more than it takes */
    return status == OK ? pager_remove(context, incarnation, at, at + length_bytes) : status;
}

uint32_t mappings_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                          uint64_t length_bytes, uint64_t rights) {
    uint32_t status = rights_are_valid(rights) ? check_range(at, length_bytes) : P_ARGUMENT;
    uint32_t wanted = (uint32_t)(rights != 0 ? rights | MEMORY_READ : 0);
    return status == OK ? pager_protect(context, incarnation, at, at + length_bytes, wanted) : status;
}

uint32_t mappings_set_break(struct server_context *context, struct incarnation *incarnation, uaddr_t end) {
    if (end == 0)
        return OK;
    if (end < incarnation->break_start || end >= PROCESS_MAP_END)
        return P_ADDRESS;
    uaddr_t old_end = (incarnation->break_end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    uaddr_t new_end = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    uint32_t status = OK;
    if (new_end < old_end)
        status = mappings_unmap(context, incarnation, new_end, old_end - new_end);
    if (new_end > old_end) {
        struct vm_region region = {
            .start = old_end, .end = new_end, .rights = MEMORY_READ | MEMORY_WRITE, .kind = PROCESS_MAP_HEAP};
        bool fits = (new_end - old_end) / PAGE_BYTES <= pages_left(incarnation);
        status = fits ? pager_add(context, incarnation, &region) : P_LIMIT;
    }
    if (status == OK)
        incarnation->break_end = end;
    return status;
}

/* Does `next` continue this mapping? */
static bool continues(const struct process_maps_reply *map, const struct vm_region *next) {
    return map->at + map->page_count * PAGE_BYTES == next->start && map->rights == next->rights &&
           map->kind == next->kind;
}

bool mappings_describe(const struct incarnation *incarnation, uint64_t index, struct process_maps_reply *ret_map) {
    const struct vm *vm = incarnation->vm;
    const struct vm_region *region = vm != NULL ? vm_region_after(vm, NULL) : NULL;
    for (uint64_t number = 0; region != NULL; number++) {
        *ret_map = (struct process_maps_reply){region->start, 0, region->rights, region->kind};
        do {
            ret_map->page_count += (region->end - region->start) / PAGE_BYTES;
            region = vm_region_after(vm, region);
        } while (region != NULL && continues(ret_map, region));
        if (number == index)
            return true;
    }
    return false;
}

void mappings_choose_places(struct server_context *context, struct incarnation *incarnation) {
    uint64_t distance = context->fixed_addresses ? 0 : random_next(&context->random) % PLACES_SPREAD;
    uint64_t lowered = context->fixed_addresses ? 0 : random_next(&context->random) % LAYOUT_STACK_SPREAD;
    incarnation->places = PLACES_START + distance / PAGE_BYTES * PAGE_BYTES;
    incarnation->lowered = lowered >> 21 << 21;
}
