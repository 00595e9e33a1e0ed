#include "servers/process/pages/page_allocator.h"

#include "kernel/abi/rights.h"
#include "libsys/text/string.h"

static void *map_page(struct page_allocator *allocator) {
    uint32_t number = allocator->lowest_free;
    uint32_t end =
        allocator->frames->floor > 0 ? PAGE_ALLOCATOR_PAGES_MAX - PAGE_ALLOCATOR_RESERVE : PAGE_ALLOCATOR_PAGES_MAX;
    while (number < PAGE_ALLOCATOR_PAGES_MAX && allocator->frame[number] != FRAMES_NONE)
        number++;
    allocator->lowest_free = number;
    uint32_t frame = number < end ? frames_take_one(allocator->frames) : FRAMES_NONE;
    if (frame == FRAMES_NONE)
        return NULL;
    struct memory_run run = frames_run_of(allocator->frames, frame);
    uaddr_t at = allocator->at + number * PAGE_BYTES;
    if (sys_space_map(allocator->space, run.memory, run.offset_pages, 1, at, MEMORY_READ | MEMORY_WRITE).status != OK) {
        frames_drop(allocator->frames, frame);
        return NULL;
    }
    allocator->frame[number] = frame;
    return (void *)at;
}

uint32_t page_allocator_init(struct page_allocator *allocator, struct frames *frames, cap_t space, uaddr_t at) {
    memset(allocator, 0, sizeof *allocator);
    allocator->frames = frames;
    allocator->space = space;
    allocator->at = at;
    allocator->kept = PAGE_ALLOCATOR_KEPT;
    allocator->spare_max = PAGE_ALLOCATOR_SPARE_MAX;
    for (uint32_t i = 0; i < PAGE_ALLOCATOR_KEPT; i++) {
        void *page = map_page(allocator);
        if (page == NULL)
            return P_NO_MEMORY;
        page_allocator_give(allocator, page);
    }
    return OK;
}

static void push(struct spare_pages *spare, void *page, bool clean) {
    void **list = clean ? &spare->clean : &spare->other;
    *(void **)page = *list;
    *list = page;
    spare->count++;
}

/* Take an unused page, of the wanted kind if there is one. *ret_clean: is it clean? */
static void *pop(struct spare_pages *spare, bool wants_clean, bool *ret_clean) {
    *ret_clean = (wants_clean ? spare->clean : spare->other) != NULL ? wants_clean : !wants_clean;
    void **list = *ret_clean ? &spare->clean : &spare->other;
    void *page = *list;
    *list = *(void **)page;
    spare->count--;
    return page;
}

static uint32_t number_of(const struct page_allocator *allocator, const void *page) {
    return (uint32_t)(((uaddr_t)page - allocator->at) / PAGE_BYTES);
}

static void unmap_page(struct page_allocator *allocator, void *page) {
    uint32_t number = number_of(allocator, page);
    (void)sys_space_unmap(allocator->space, (uaddr_t)page, 1); /* can't fail: it is mapped */
    frames_drop(allocator->frames, allocator->frame[number]);
    allocator->frame[number] = FRAMES_NONE;
    if (number < allocator->lowest_free)
        allocator->lowest_free = number;
}

void *page_allocator_take(struct page_allocator *allocator, uint64_t zero_bytes) {
    bool clean = false, wants_clean = zero_bytes == PAGE_BYTES;
    void *page = allocator->kept_spare.count > 0   ? pop(&allocator->kept_spare, wants_clean, &clean)
                 : allocator->more_spare.count > 0 ? pop(&allocator->more_spare, wants_clean, &clean)
                                                   : map_page(allocator);
    if (page != NULL)
        memset(page, 0, clean && zero_bytes > sizeof(void *) ? sizeof(void *) : zero_bytes);
    return page;
}

static void give(struct page_allocator *allocator, void *page, bool clean) {
    bool is_kept = number_of(allocator, page) < allocator->kept;
    bool enough = page_allocator_spare_count(allocator) >= allocator->spare_max;
    if (is_kept)
        push(&allocator->kept_spare, page, clean);
    else if (!enough)
        push(&allocator->more_spare, page, clean);
    else
        unmap_page(allocator, page);
    if (is_kept && enough && allocator->more_spare.count > 0)
        unmap_page(allocator, pop(&allocator->more_spare, false, &clean));
}

void page_allocator_give(struct page_allocator *allocator, void *page) { give(allocator, page, false); }
void page_allocator_give_clean(struct page_allocator *allocator, void *page) { give(allocator, page, true); }
