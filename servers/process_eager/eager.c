/*
 * Pages are brought when their region is made, and copied by fork, instead of at the first touch. All else is the
 * pager's work (servers/process/memory/pager.h): the linker's --wrap lets its callers call the functions here, which
 * call it, and then bring what it left to faults.
 *
 * What can't be brought now is brought by a fault, as in `process`: so nothing here can fail.
 */
#include "servers/process_eager/eager.h"
#include "libsys/text/number.h"
#include "servers/process/memory/pager.h"

uint32_t __real_pager_add(struct server_context *context, struct incarnation *incarnation,
                          const struct vm_region *region);
uint32_t __wrap_pager_add(struct server_context *context, struct incarnation *incarnation,
                          const struct vm_region *region);
uint32_t __real_pager_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                              uaddr_t end, uint32_t rights);
uint32_t __wrap_pager_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                              uaddr_t end, uint32_t rights);
uint32_t __real_pager_fork(struct server_context *context, struct incarnation *from, struct incarnation *to);
uint32_t __wrap_pager_fork(struct server_context *context, struct incarnation *from, struct incarnation *to);

/* The access that brings a page with all rights of its region. 0: no access is allowed. */
static uint32_t access_of(uint32_t rights) {
    return (rights & MEMORY_WRITE) != 0 ? MEMORY_WRITE : rights & MEMORY_READ;
}

/*
 * Bring pages of a region. When memory gets short this server goes on like `process`, and takes frames only for what is
 * touched: else processes would end for want of pages that nobody needs.
 */
static void bring(struct server_context *context, struct incarnation *incarnation, uaddr_t start, uaddr_t end,
                  uint32_t rights) {
    uint32_t access = access_of(rights), status = access != 0 ? OK : P_ADDRESS;
    for (uaddr_t at = start; status == OK && at < end; at += PAGE_BYTES) {
        if (context->frames.free_count < context->frames.managed_count / EAGER_FREE_PART)
            return;
        status = pager_bring(context, incarnation, at, access);
    }
}

/* Bring a new region, or the part of a large one that is likely to be touched: a stack is used from its end on. */
static void bring_region(struct server_context *context, struct incarnation *incarnation, uaddr_t start, uaddr_t end,
                         uint32_t kind, uint32_t rights) {
    if (kind == PROCESS_MAP_STACK)
        start = larger(start, end - EAGER_STACK_PAGES * PAGE_BYTES);
    else
        end = smaller(end, start + EAGER_REGION_PAGES * PAGE_BYTES);
    bring(context, incarnation, start, end, rights);
}

uint32_t __wrap_pager_add(struct server_context *context, struct incarnation *incarnation,
                          const struct vm_region *region) {
    uint32_t status = __real_pager_add(context, incarnation, region);
    if (status == OK && region->kind != PROCESS_MAP_MESSAGE)
        bring_region(context, incarnation, region->start, region->end, region->kind, region->rights);
    return status;
}

/* The pager takes the range out of the page tables, and leaves it to faults to bring it with the new rights. */
uint32_t __wrap_pager_protect(struct server_context *context, struct incarnation *incarnation, uaddr_t start,
                              uaddr_t end, uint32_t rights) {
    uint32_t status = __real_pager_protect(context, incarnation, start, end, rights);
    if (status == OK)
        bring_region(context, incarnation, start, end, PROCESS_MAP_PRIVATE, rights);
    return status;
}

/* Bring those pages of a process that have frames. */
static void bring_present(struct server_context *context, struct incarnation *incarnation) {
    const struct vm_region *region = vm_region_after(incarnation->vm, NULL);
    for (; region != NULL; region = vm_region_after(incarnation->vm, region)) {
        if (region->kind == PROCESS_MAP_MESSAGE)
            continue;
        for (struct vm_pages pages = vm_next_pages(incarnation->vm, region->start, region->end); pages.count > 0;
             pages = vm_next_pages(incarnation->vm, pages.end, region->end))
            bring(context, incarnation, pages.start, pages.end, region->rights);
    }
}

/* The child gets its copies first: then the parent is the only holder of its frames, and may write to them again. */
uint32_t __wrap_pager_fork(struct server_context *context, struct incarnation *from, struct incarnation *to) {
    uint32_t status = __real_pager_fork(context, from, to);
    if (status == OK) {
        bring_present(context, to);
        bring_present(context, from);
    }
    return status;
}
