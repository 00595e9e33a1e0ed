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
    if (number >= allocator->mapped_end)
        allocator->mapped_end = number + 1;
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

static uint32_t number_of(const struct page_allocator *allocator, const void *page) {
    return (uint32_t)(((uaddr_t)page - allocator->at) / PAGE_BYTES);
}

static void push(struct page_allocator *allocator, struct spare_pages *spare, uint32_t number, bool clean) {
    uint16_t *list = clean ? &spare->clean : &spare->other;
    allocator->next[number] = *list;
    *list = (uint16_t)(number + 1);
    spare->count++;
}

/* Take an unused page, of the wanted kind if there is one. *ret_clean: is it clean? */
static uint32_t pop(const struct page_allocator *allocator, struct spare_pages *spare, bool wants_clean,
                    bool *ret_clean) {
    *ret_clean = (wants_clean ? spare->clean : spare->other) != 0 ? wants_clean : !wants_clean;
    uint16_t *list = *ret_clean ? &spare->clean : &spare->other;
    uint32_t number = *list - 1U;
    *list = allocator->next[number];
    spare->count--;
    return number;
}

static void *page_of(const struct page_allocator *allocator, uint32_t number) {
    return (void *)(allocator->at + number * PAGE_BYTES);
}

static void unmap_page(struct page_allocator *allocator, uint32_t number) {
    (void)sys_space_unmap(allocator->space, (uaddr_t)page_of(allocator, number), 1); /* can't fail: it is mapped */
    frames_drop(allocator->frames, allocator->frame[number]);
    allocator->frame[number] = FRAMES_NONE;
    if (number < allocator->lowest_free)
        allocator->lowest_free = number;
}

void *page_allocator_take(struct page_allocator *allocator, uint64_t zero_bytes) {
    bool clean = false, wants_clean = zero_bytes == PAGE_BYTES;
    void *page;
    if (allocator->kept_spare.count > 0)
        page = page_of(allocator, pop(allocator, &allocator->kept_spare, wants_clean, &clean));
    else if (allocator->more_spare.count > 0)
        page = page_of(allocator, pop(allocator, &allocator->more_spare, wants_clean, &clean));
    else
        page = map_page(allocator);
    if (page != NULL && !clean)
        memset(page, 0, zero_bytes);
    return page;
}

void page_allocator_give(struct page_allocator *allocator, void *page) {
    push(allocator, &allocator->given, number_of(allocator, page), false);
}
void page_allocator_give_clean(struct page_allocator *allocator, void *page) {
    push(allocator, &allocator->given, number_of(allocator, page), true);
}

static struct spare_pages *spare_of(struct page_allocator *allocator, uint32_t number) {
    return number < allocator->kept ? &allocator->kept_spare : &allocator->more_spare;
}

void page_allocator_settle_given(struct page_allocator *allocator) {
    bool clean;
    while (allocator->given.count > 0) {
        uint32_t number = pop(allocator, &allocator->given, false, &clean);
        push(allocator, spare_of(allocator, number), number, clean);
    }
    while (allocator->more_spare.count > 0 && page_allocator_spare_count(allocator) > allocator->spare_max)
        unmap_page(allocator, pop(allocator, &allocator->more_spare, false, &clean));
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
    page_allocator_settle(allocator);
    return OK;
}

/* ---- after a program that has died ---- */

#define IN_USE UINT16_MAX /* in `next` */

/*
 * How many pages from this mapped one on have frames in a row: so many that they can be mapped at once, and so few that
 * the kernel makes no large page of them, which would have to be split when one of them is given back.
 */
static uint32_t count_row(const struct page_allocator *allocator, uint32_t number) {
    const uint32_t *frame = &allocator->frame[number];
    uint32_t count = 1, end = allocator->mapped_end - number;
    while (count < end && count < MAP_PAGES_MAX - 1 && frame[count] == frame[0] + count)
        count++;
    return count;
}

uint64_t page_allocator_map_again(const struct page_allocator *allocator, cap_t space) {
    uint64_t status = OK;
    for (uint32_t i = 0, count; i < allocator->mapped_end && status == OK; i += count) {
        count = 1;
        if (allocator->frame[i] == FRAMES_NONE)
            continue;
        count = count_row(allocator, i);
        struct memory_run run = frames_find_run(allocator->frames, allocator->frame[i]);
        status = sys_space_map(space, run.memory, run.offset_pages, count, (uaddr_t)page_of(allocator, i),
                               MEMORY_READ | MEMORY_WRITE)
                     .status;
    }
    return status;
}

void page_allocator_forget(struct page_allocator *allocator) {
    static const struct spare_pages none;
    allocator->kept_spare = allocator->more_spare = allocator->given = none;
    allocator->lowest_free = 0;
    memset(allocator->next, 0, allocator->mapped_end * sizeof allocator->next[0]);
}

void page_allocator_hold(struct page_allocator *allocator, const void *page) {
    allocator->next[number_of(allocator, page)] = IN_USE;
}

void page_allocator_count(struct page_allocator *allocator) {
    for (uint32_t i = 0; i < allocator->mapped_end; i++) {
        if (allocator->frame[i] == FRAMES_NONE)
            continue;
        frames_hold(allocator->frames, allocator->frame[i]);
        if (allocator->next[i] != IN_USE)
            push(allocator, spare_of(allocator, i), i, false);
    }
}
