#include "servers/process/memory/pager.h"

#include "libsys/program/program.h"
#include "libsys/text/number.h"
#include "libsys/text/string.h"
#include "libsys/wire/journal.h"

#define POOL_PAGES 12U /* the pool's own page, top-level table, small objects, tables of a small program */

static void drop_files(struct server_context *context, const struct vm *vm, uaddr_t start, uaddr_t end) {
    const struct vm_region *region = vm_next_region(vm, start);
    for (; region != NULL && region->end <= end; region = vm_region_after(vm, region))
        if (region->start >= start)
            vm_file_drop(&context->files, region->file);
}

/* ---- the incarnation ---- */

uint32_t incarnation_create(struct server_context *context, struct incarnation *incarnation) {
    uint32_t status = object_pool_create(&context->frames, &incarnation->pool, POOL_PAGES);
    if (status == OK)
        status = object_pool_make_object(&context->frames, &incarnation->pool, OBJECT_SPACE, 0, &incarnation->space);
    if (status != OK)
        return status;
    incarnation->vm = vm_create(&context->allocator);
    return incarnation->vm != NULL ? OK : P_NO_MEMORY;
}

void incarnation_destroy(struct server_context *context, struct incarnation *incarnation) {
    object_pool_destroy(&context->frames,
                        &incarnation->pool); /* the space goes with it, so nothing maps the frames any more */
    slot_drop(&incarnation->space);
    struct vm *vm = incarnation->vm;
    if (vm != NULL) {
        for (struct vm_pages pages = vm_next_pages(vm, 0, USER_LIMIT); pages.count > 0;
             pages = vm_next_pages(vm, pages.end, USER_LIMIT))
            for (uint32_t i = 0; i < pages.count; i++) {
                frames_drop(&context->frames, pages.entries[i] & VM_FRAME);
                pages.entries[i] = 0;
            }
        drop_files(context, vm, 0, USER_LIMIT);
        vm_destroy(&context->allocator, vm);
    }
    *incarnation = (struct incarnation){0};
}

/* Before a range's mappings change: should this server end meanwhile, nothing is known of them. */
static inline void note_change(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                               uaddr_t end) {
    context->change = (struct context_change){incarnation, start, end};
}

uint64_t incarnation_page_count(const struct incarnation *incarnation) {
    const struct vm *vm = incarnation->vm;
    return object_pool_page_count(&incarnation->pool) + (vm != NULL ? vm->frame_count + vm_record_count(vm) : 0);
}

static uint32_t map_run(struct server_context *context, struct incarnation *incarnation, const struct memory_run *run,
                        uaddr_t at, uint32_t rights) {
    for (;;) {
        uint64_t status =
            sys_space_map(incarnation->space, run->memory, run->offset_pages, run->page_count, at, rights).status;
        uint32_t grown = status == E_MEMORY ? object_pool_grow(&context->frames, &incarnation->pool) : (uint32_t)status;
        if (status != E_MEMORY || grown != OK)
            return grown;
    }
}

/* ---- content ---- */

/* Where those pages of a region end that can be the file's own frames: a page address; region->start: none can. */
static uaddr_t in_place_end(const struct vm_region *region) {
    const struct vm_file *file = region->file;
    if (file == NULL || region->rights == 0 || (region->rights & MEMORY_WRITE) != 0 || region->kind != PROCESS_MAP_FILE)
        return region->start;
    uaddr_t end = region->content_at + region->content_bytes;
    /* A last page that is only in part the region's may show more of the file, but nothing from behind its end. */
    bool whole =
        region->end <= page_up(end) && page_up(region->file_offset + region->content_bytes) <= file->size_bytes;
    end = whole ? page_up(end) : page_down(end);
    return larger(smaller(end, region->end), region->start);
}

/* The file's frames that hold what belongs at `at`, a page address. */
static struct memory_run file_run(const struct vm_region *region, uaddr_t at, uint64_t page_count) {
    uint64_t offset = region->file->offset_bytes + region->file_offset + at - region->content_at;
    return (struct memory_run){region->file->memory, offset / PAGE_BYTES, page_count};
}

static uint32_t map_in_place(struct server_context *context, struct incarnation *incarnation,
                             const struct vm_region *region, uaddr_t start, uaddr_t end) {
    uint32_t status = OK;
    end = smaller(end, in_place_end(region));
    for (uaddr_t at = start; status == OK && at < end;) {
        uint32_t *entry;
        uaddr_t stop = vm_next(incarnation->vm, at, smaller(end, at + MAP_PAGES_MAX * PAGE_BYTES), &entry);
        struct memory_run run = file_run(region, at, (stop - at) / PAGE_BYTES);
        if (stop > at)
            status = map_run(context, incarnation, &run, at, region->rights);
        at = stop;
        while (at < end && (entry = vm_entry(incarnation->vm, at)) != NULL && *entry != 0)
            at += PAGE_BYTES;
    }
    return status;
}

/* Fill a frame with the first content of the page at `page`. */
static uint32_t fill(const struct memory_run *frame, const struct vm_region *region, uaddr_t page) {
    uint64_t frame_offset = frame->offset_pages * PAGE_BYTES;
    if (region->file == NULL)
        return (uint32_t)sys_memory_fill(frame->memory, frame_offset, PAGE_BYTES, 0).status;
    uaddr_t start = larger(page, region->content_at);
    uaddr_t end = smaller(page + PAGE_BYTES, region->content_at + region->content_bytes);
    struct result result = {0};
    if (start >= end || end - start < PAGE_BYTES)
        result = sys_memory_fill(frame->memory, frame_offset, PAGE_BYTES, 0);
    if (result.status == OK && start < end) {
        uint64_t from = region->file->offset_bytes + region->file_offset + (start - region->content_at);
        result = sys_memory_copy(frame->memory, frame_offset + (start - page), region->file->memory, from, end - start);
    }
    return (uint32_t)result.status;
}

/* ---- faults ---- */

static bool is_shared(const struct vm_region *region) { return region->kind == PROCESS_MAP_SHARED; }

/* May the page be mapped writable now? */
static bool may_write(const struct server_context *context, const struct vm_region *region, uint32_t entry) {
    return (region->rights & MEMORY_WRITE) != 0 &&
           (is_shared(region) || !frames_is_shared(&context->frames, entry & VM_FRAME));
}

static uint32_t map_entry(struct server_context *context, struct incarnation *incarnation,
                          const struct vm_region *region, uaddr_t page, uint32_t *entry) {
    bool write = may_write(context, region, *entry);
    uint32_t rights = write ? region->rights : region->rights & ~(uint32_t)MEMORY_WRITE;
    struct memory_run run = frames_run_of(&context->frames, *entry & VM_FRAME);
    uint32_t status = map_run(context, incarnation, &run, page, rights);
    if (status == OK)
        *entry |= VM_MAPPED | (write ? VM_WRITABLE : 0);
    return status;
}

/* How many new pages a fault brings. */
static uint64_t pages_to_bring(struct server_context *context, struct vm *vm, const struct vm_region *region,
                               uaddr_t page, const uint32_t *entries) {
    bool goes_on = page == vm->expected && region->file == NULL && !is_shared(region);
    vm->ahead = goes_on && vm->ahead < PAGER_AHEAD ? 2 * vm->ahead : goes_on ? PAGER_AHEAD : 1;
    uint64_t most = smaller(vm->ahead, VM_GROUP_PAGES - page / PAGE_BYTES % VM_GROUP_PAGES), count = 1;
    if (context->frames.free_count < context->frames.floor + PAGER_PLENTY)
        return 1;
    while (count < most && page + count * PAGE_BYTES < region->end && entries[count] == 0)
        count++;
    return count;
}

/* Bring pages that the process has not touched yet. */
static uint32_t bring_new(struct server_context *context, struct incarnation *incarnation,
                          const struct vm_region *region, uaddr_t page) {
    struct vm *vm = incarnation->vm;
    uint32_t *entries;
    uint32_t status = vm_make_entry(&context->allocator, vm, page, &entries);
    if (status != OK)
        return status;
    struct memory_run run;
    if (!frames_take(&context->frames, pages_to_bring(context, vm, region, page, entries), 1, &run))
        return P_NO_MEMORY;
    for (uint64_t i = 0; status == OK && i < run.page_count; i++) {
        struct memory_run frame = {run.memory, run.offset_pages + i, 1};
        status = fill(&frame, region, page + i * PAGE_BYTES);
    }
    uint32_t entry = frames_number_of(&context->frames, &run) | VM_MAPPED;
    entry |= (region->rights & MEMORY_WRITE) != 0 ? VM_WRITABLE : 0;
    if (status == OK) { /* before the mapping: what another CPU writes there must have its place */
        for (uint32_t i = 0; i < run.page_count; i++)
            entries[i] = entry + i;
        status = map_run(context, incarnation, &run, page, region->rights);
        if (status != OK)
            memset(entries, 0, run.page_count * sizeof *entries);
    }
    if (status != OK) {
        frames_give(&context->frames, &run);
        return status;
    }
    vm->frame_count += run.page_count;
    vm->expected = page + run.page_count * PAGE_BYTES;
    return OK;
}

/* Copy-on-write: a page that has other holders is replaced by a copy. */
static uint32_t copy_page(struct server_context *context, struct incarnation *incarnation,
                          const struct vm_region *region, uaddr_t page, uint32_t *entry) {
    uint32_t frame = frames_take_one(&context->frames);
    if (frame == FRAMES_NONE)
        return P_NO_MEMORY;
    struct memory_run from = frames_run_of(&context->frames, *entry & VM_FRAME);
    struct memory_run to = frames_run_of(&context->frames, frame);
    struct result result = sys_memory_copy(to.memory, to.offset_pages * PAGE_BYTES, from.memory,
                                           from.offset_pages * PAGE_BYTES, PAGE_BYTES);
    if (result.status == OK && (*entry & VM_MAPPED) != 0)
        result = sys_space_unmap(incarnation->space, page, 1);
    if (result.status != OK) {
        frames_drop(&context->frames, frame);
        return (uint32_t)result.status;
    }
    frames_drop(&context->frames, *entry & VM_FRAME);
    *entry = frame;
    return map_entry(context, incarnation, region, page, entry);
}

static uint32_t bring_present(struct server_context *context, struct incarnation *incarnation,
                              const struct vm_region *region, uaddr_t page, uint32_t *entry, uint32_t access) {
    if (access == MEMORY_WRITE && !may_write(context, region, *entry))
        return copy_page(context, incarnation, region, page, entry);
    if ((*entry & VM_MAPPED) == 0)
        return map_entry(context, incarnation, region, page, entry);
    if (access != MEMORY_WRITE || (*entry & VM_WRITABLE) != 0)
        return OK; /* another thread's fault has brought it */
    uint32_t status = (uint32_t)sys_space_protect(incarnation->space, page, 1, region->rights).status;
    if (status == OK)
        *entry |= VM_WRITABLE;
    return status;
}

uint32_t pager_bring(struct server_context *context, struct incarnation *incarnation, uaddr_t at, uint32_t access) {
    uaddr_t page = page_down(at);
    const struct vm_region *region = at < USER_LIMIT ? vm_find(incarnation->vm, at) : NULL;
    if (region == NULL || (region->rights & access) == 0)
        return P_ADDRESS;
    if (region->kind == PROCESS_MAP_MESSAGE)
        return OK;
    note_change(context, incarnation, page, page + PAGER_AHEAD * PAGE_BYTES);
    uint32_t *entry = vm_entry(incarnation->vm, page);
    if (entry != NULL && *entry != 0)
        return bring_present(context, incarnation, region, page, entry, access);
    if (page < in_place_end(region)) {
        uint32_t status = map_in_place(context, incarnation, region, page, page + PAGE_BYTES);
        return status == E_EXISTS ? OK : status;
    }
    return bring_new(context, incarnation, region, page);
}

/* ---- regions ---- */

static uint32_t add_region(struct server_context *context, struct incarnation *incarnation,
                           const struct vm_region *region) {
    struct vm *vm = incarnation->vm;
    uint32_t before = vm->regions.count;
    context->addition = (struct context_change){incarnation, region->start, region->end};
    uint32_t status = vm_insert(&context->allocator, vm, region);
    if (region->file != NULL && vm->regions.count > before)
        region->file->holders++;
    return status;
}

uint32_t pager_add(struct server_context *context, struct incarnation *incarnation, const struct vm_region *region) {
    uint32_t status = add_region(context, incarnation, region);
    return status != OK ? status : map_in_place(context, incarnation, region, region->start, region->end);
}

uint32_t pager_map_message(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                           uint32_t frame) {
    struct memory_run page = frames_run_of(&context->frames, frame);
    return map_run(context, incarnation, &page, at, MEMORY_READ | MEMORY_WRITE);
}

uint32_t pager_add_message(struct server_context *context, struct incarnation *incarnation, uaddr_t at,
                           uint32_t frame) {
    struct vm_region region = {
        .start = at, .end = at + PAGE_BYTES, .rights = MEMORY_READ | MEMORY_WRITE, .kind = PROCESS_MAP_MESSAGE};
    uint32_t status = pager_add(context, incarnation, &region);
    return status == OK ? pager_map_message(context, incarnation, at, frame) : status;
}

/* Make region borders at both ends of a range. Each file whose region is cut in two gets one more holder. */
static uint32_t cut(struct server_context *context, struct vm *vm, uaddr_t start, uaddr_t end) {
    struct vm_file *cut_files[2] = {NULL, NULL};
    const struct vm_region *first = vm_find(vm, start), *last = vm_find(vm, end);
    if (first != NULL && first->start < start)
        cut_files[0] = first->file;
    if (last != NULL && last->start < end)
        cut_files[1] = last->file;
    uint32_t status = vm_cut(&context->allocator, vm, start, end);
    for (uint32_t i = 0; status == OK && i < 2; i++)
        if (cut_files[i] != NULL)
            cut_files[i]->holders++;
    return status;
}

/* Unmap a part of 2 MiB at most. A large page that is cut takes a page table. */
static uint32_t unmap_part(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                           uint64_t page_count) {
    for (;;) {
        uint64_t status = sys_space_unmap(incarnation->space, start, page_count).status;
        uint32_t grown = status == E_MEMORY ? object_pool_grow(&context->frames, &incarnation->pool) : (uint32_t)status;
        if (status != E_MEMORY || grown != OK)
            return grown;
    }
}

/*
 * Unmap a range: the next access brings each page as its region says by then. Parts that hold nothing are passed over.
 * On failure the rest stays mapped as it was.
 */
static uint32_t forget_mappings(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                                uaddr_t end) {
    uint32_t status = OK;
    note_change(context, incarnation, start, end);
    for (uaddr_t at = start; status == OK && at < end;) {
        const struct vm_region *region = vm_find(incarnation->vm, at);
        if (region == NULL) { /* a range may be the whole address space: where there is no region, nothing is mapped */
            region = vm_next_region(incarnation->vm, at);
            if (region == NULL || region->start >= end)
                break;
            at = region->start;
        }
        uint64_t page_count = smaller((end - at) / PAGE_BYTES, MAP_PAGES_MAX - at / PAGE_BYTES % MAP_PAGES_MAX);
        uaddr_t next = at + page_count * PAGE_BYTES;
        bool in_place = region->file != NULL || region->end < next;
        if (in_place || vm_entry(incarnation->vm, at) != NULL)
            status = unmap_part(context, incarnation, at, page_count);
        for (struct vm_pages pages = vm_next_pages(incarnation->vm, at, next); status == OK && pages.count > 0;
             pages = vm_next_pages(incarnation->vm, pages.end, next))
            for (uint32_t i = 0; i < pages.count; i++)
                pages.entries[i] &= VM_FRAME;
        at = next;
    }
    return status;
}

/* Merge neighbouring regions that have become alike, in a range and at its ends. */
static void join(struct server_context *context, struct vm *vm, uaddr_t start, uaddr_t end) {
    struct vm_file *file;
    while (vm_join(&context->allocator, vm, start, end, &file)) {
        journal_settle(); /* there may be many */
        vm_file_drop(&context->files, file);
    }
}

uint32_t pager_remove(struct server_context *context, struct incarnation *incarnation, uaddr_t start, uaddr_t end) {
    struct vm *vm = incarnation->vm;
    struct vm_file *cut_file;
    uint32_t status = vm_prepare_removal(&context->allocator, vm, start, end, &cut_file);
    if (cut_file != NULL)
        cut_file->holders++;
    if (status == OK)
        status = forget_mappings(context, incarnation, start, end);
    if (status != OK) {
        join(context, vm, start, end);
        return status;
    }
    for (struct vm_pages pages = vm_next_pages(vm, start, end); pages.count > 0;
         pages = vm_next_pages(vm, pages.end, end)) {
        for (uint32_t i = 0; i < pages.count; i++) {
            frames_drop(&context->frames, pages.entries[i] & VM_FRAME);
            pages.entries[i] = 0;
        }
        vm->frame_count -= pages.count;
    }
    drop_files(context, vm, start, end);
    vm_remove(&context->allocator, vm, start, end);
    vm_trim(&context->allocator, vm, start, end);
    return OK;
}

uint32_t pager_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t start, uaddr_t end,
                       uint32_t rights) {
    struct vm *vm = incarnation->vm;
    if (!vm_covers(vm, start, end))
        return P_ADDRESS;
    uint32_t status = cut(context, vm, start, end);
    if (status != OK)
        return status;
    status = forget_mappings(context, incarnation, start, end);
    for (uaddr_t at = start; status == OK && at < end;) {
        struct vm_region *region = vm_find(vm, at);
        if (region->start == start || region->end == end) /* others are set again if this is interrupted */
            journal_note(&region->rights, sizeof region->rights);
        region->rights = (uint8_t)rights;
        at = region->end;
    }
    join(context, vm, start, end);
    return status;
}

/* ---- fork ---- */

/* Make the writable pages among these read-only in the parent. */
static uint32_t protect_pages(struct incarnation *incarnation, const struct vm_region *region,
                              const struct vm_pages *pages) {
    uint32_t rights = region->rights & ~(uint32_t)MEMORY_WRITE, status = OK;
    for (uint32_t first = 0, end; status == OK && first < pages->count; first = end) {
        end = first;
        while (end < pages->count && end - first < MAP_PAGES_MAX && (pages->entries[end] & VM_WRITABLE) != 0)
            end++;
        if (end == first) {
            end++;
            continue;
        }
        status = (uint32_t)sys_space_protect(incarnation->space, pages->start + first * PAGE_BYTES, end - first, rights)
                     .status;
        for (uint32_t i = first; status == OK && i < end; i++)
            pages->entries[i] &= ~VM_WRITABLE;
    }
    return status;
}

/* Add a holder to each of these pages' frames. */
static uint32_t share_pages(struct server_context *context, struct vm *vm, const struct vm_pages *pages) {
    uint32_t *copy = NULL, status = OK;
    for (uint32_t i = 0; i < pages->count; i++) {
        uaddr_t at = pages->start + i * PAGE_BYTES;
        bool same_group = i > 0 && at / PAGE_BYTES % VM_GROUP_PAGES != 0;
        if (same_group)
            copy++;
        else if ((status = vm_make_entry(&context->allocator, vm, at, &copy)) != OK)
            return status;
        if (!frames_share(&context->frames, pages->entries[i] & VM_FRAME))
            return P_LIMIT;
        *copy = pages->entries[i] & VM_FRAME;
        vm->frame_count++;
    }
    return OK;
}

static uint32_t fork_region(struct server_context *context, struct incarnation *from, struct incarnation *to,
                            const struct vm_region *region) {
    uint32_t status = add_region(context, to, region);
    for (struct vm_pages pages = vm_next_pages(from->vm, region->start, region->end); status == OK && pages.count > 0;
         pages = vm_next_pages(from->vm, pages.end, region->end)) {
        if (!is_shared(region))
            status = protect_pages(from, region, &pages);
        if (status == OK)
            status = share_pages(context, to->vm, &pages);
    }
    return status == OK ? map_in_place(context, to, region, region->start, region->end) : status;
}

uint32_t pager_fork(struct server_context *context, struct incarnation *from, struct incarnation *to) {
    uint32_t status = OK;
    const struct vm_region *region = vm_region_after(from->vm, NULL);
    note_change(context, from, 0, USER_LIMIT);
    for (; status == OK && region != NULL; region = vm_region_after(from->vm, region))
        if (region->kind != PROCESS_MAP_MESSAGE)
            status = fork_region(context, from, to, region);
    to->pages_max = from->pages_max;
    to->images = from->images;
    to->places = from->places;
    to->break_start = from->break_start;
    to->break_end = from->break_end;
    return status;
}

/* ---- memory of a process, from outside ---- */

static uint32_t copy(struct server_context *context, struct incarnation *incarnation, uaddr_t at, cap_t own,
                     uint64_t offset, uint64_t length_bytes, uint32_t access) {
    for (uint64_t done = 0; done < length_bytes;) {
        uaddr_t page = page_down(at + done);
        uint64_t part = smaller(page + PAGE_BYTES - (at + done), length_bytes - done);
        uint32_t status = pager_bring(context, incarnation, page, access);
        if (status != OK)
            return status;
        const uint32_t *entry = vm_entry(incarnation->vm, page);
        struct memory_run run;
        if (entry != NULL && *entry != 0) {
            run = frames_run_of(&context->frames, *entry & VM_FRAME);
        } else {
            const struct vm_region *region = vm_find(incarnation->vm, page);
            if (region->kind == PROCESS_MAP_MESSAGE)
                return P_ADDRESS;
            run = file_run(region, page, 1);
        }
        uint64_t place = run.offset_pages * PAGE_BYTES + (at + done - page);
        struct result result = access == MEMORY_WRITE ? sys_memory_copy(run.memory, place, own, offset + done, part)
                                                      : sys_memory_copy(own, offset + done, run.memory, place, part);
        if (result.status != OK)
            return (uint32_t)result.status;
        done += part;
    }
    return OK;
}

uint32_t pager_write(struct server_context *context, struct incarnation *incarnation, uaddr_t at, cap_t source,
                     uint64_t offset_bytes, uint64_t length_bytes) {
    return copy(context, incarnation, at, source, offset_bytes, length_bytes, MEMORY_WRITE);
}

uint32_t pager_read(struct server_context *context, struct incarnation *incarnation, uaddr_t at, cap_t target,
                    uint64_t offset_bytes, uint64_t length_bytes) {
    return copy(context, incarnation, at, target, offset_bytes, length_bytes, MEMORY_READ);
}
