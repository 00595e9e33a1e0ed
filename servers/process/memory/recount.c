#include "servers/process/memory/recount.h"

#include "libsys/text/number.h"

#define BLOCK_BYTES (MAP_PAGES_MAX * PAGE_BYTES) /* of one page table, or one large page */

/*
 * Unmap a range, and forget pages there that no region has: their region was being added, and that was undone. Whole
 * blocks are unmapped, which can't fail, since it cuts no large page.
 */
static void forget_range(const struct incarnation *incarnation, uaddr_t start, uaddr_t end) {
    struct vm *vm = incarnation->vm;
    start = start / BLOCK_BYTES * BLOCK_BYTES;
    end = smaller((end + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES, USER_LIMIT);
    for (uaddr_t at = start; at < end; at += BLOCK_BYTES)
        (void)sys_space_unmap(incarnation->space, at, smaller(MAP_PAGES_MAX, (end - at) / PAGE_BYTES));
    for (struct vm_pages pages = vm_next_pages(vm, start, end); pages.count > 0;
         pages = vm_next_pages(vm, pages.end, end)) {
        const struct vm_region *region = NULL;
        for (uint32_t i = 0; i < pages.count; i++) {
            uaddr_t at = pages.start + i * PAGE_BYTES;
            if (region == NULL || at >= region->end)
                region = vm_find(vm, at);
            pages.entries[i] = region != NULL ? pages.entries[i] & VM_FRAME : 0;
        }
    }
}

static void forget_change(const struct incarnation *incarnation, const struct context_change *change) {
    const struct vm_region *region = vm_region_after(incarnation->vm, NULL);
    if (change->incarnation != incarnation)
        return;
    if (change->end - change->start <= CONTEXT_PAGES_MAX * PAGE_BYTES)
        forget_range(incarnation, change->start, change->end);
    else
        for (; region != NULL; region = vm_region_after(incarnation->vm, region))
            forget_range(incarnation, region->start, region->end);
}

/* Leaf by leaf, for a look-up for each row of pages would be most of a restart with many processes. */
static void hold_frames(struct frames *frames, struct vm *vm) {
    for (const struct vm_leaf *leaf = ordered_next(&vm->leaves, NULL); leaf != NULL;
         leaf = ordered_next(&vm->leaves, leaf))
        for (uint64_t groups = leaf->groups; groups != 0; groups &= groups - 1) {
            const uint32_t *entries = &leaf->entries[(uint32_t)__builtin_ctzll(groups) * VM_GROUP_PAGES];
            vm->frame_count += frames_hold_all(frames, entries, VM_GROUP_PAGES, VM_FRAME);
        }
}

void incarnation_count(struct server_context *context, struct incarnation *incarnation) {
    struct vm *vm = incarnation->vm;
    object_pool_count(&context->frames, &incarnation->pool);
    vm_restart(vm, &context->allocator);
    forget_change(incarnation, &context->change);
    forget_change(incarnation, &context->addition);
    hold_frames(&context->frames, vm);
    for (const struct vm_region *region = vm_region_after(vm, NULL); region != NULL;
         region = vm_region_after(vm, region))
        if (region->file != NULL)
            region->file->holders++;
}

#define OTHERS_SHIFT 10U /* parts of a page are counted in 1024ths */
uint64_t incarnation_others_part(const struct server_context *context, struct incarnation *incarnation) {
    uint64_t parts = 0;
    for (struct vm_pages pages = vm_next_pages(incarnation->vm, 0, USER_LIMIT); pages.count > 0;
         pages = vm_next_pages(incarnation->vm, pages.end, USER_LIMIT))
        for (uint32_t i = 0; i < pages.count; i++) {
            uint64_t others = frames_others(&context->frames, pages.entries[i] & VM_FRAME);
            parts += (others << OTHERS_SHIFT) / (others + 1);
        }
    return parts >> OTHERS_SHIFT;
}
