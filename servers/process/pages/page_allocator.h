/*
 * Pages for the process server's own records, mapped in its address space from ALLOCATOR_AT on. The first
 * PAGE_ALLOCATOR_KEPT pages stay mapped, and count as free while unused. Of the others, up to PAGE_ALLOCATOR_SPARE_MAX
 * unused ones stay mapped while there is need of them, so that making and ending one more process costs no mapping.
 * None of these stays once the first pages are free again: a busy time leaves nothing behind.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/wire/protocol.h"
#include "servers/process/pages/frames.h"

#define PAGE_ALLOCATOR_PAGES_MAX 16384U
#define PAGE_ALLOCATOR_RESERVE 256U /* the last pages, taken only while frames have no floor (pressure.h) */
#define PAGE_ALLOCATOR_KEPT 64U
#define PAGE_ALLOCATOR_SPARE_MAX 12U /* what two processes need */

/* Unused mapped pages: lists of 1 + number, linked through `next`; 0 = the end. Clean ones are zero. */
struct spare_pages {
    uint16_t clean, other;
    uint32_t count;
};

struct page_allocator {
    struct frames *frames;
    cap_t space; /* this server's own */
    uaddr_t at;
    uint32_t kept, spare_max;                 /* PAGE_ALLOCATOR_KEPT, PAGE_ALLOCATOR_SPARE_MAX */
    struct spare_pages kept_spare;            /* of the first `kept` pages */
    struct spare_pages more_spare;            /* of the others, at most spare_max */
    struct spare_pages given;                 /* given back by a change that may still be undone */
    uint32_t lowest_free;                     /* no page below this number is unmapped */
    uint32_t mapped_end;                      /* no page from this number on was ever mapped */
    uint32_t frame[PAGE_ALLOCATOR_PAGES_MAX]; /* by page: FRAMES_NONE = not mapped */
    uint16_t next[PAGE_ALLOCATOR_PAGES_MAX];
};

/* Errors: P_NO_MEMORY the frames do not suffice for the pages that are kept. */
MUST_USE uint32_t page_allocator_init(struct page_allocator *allocator, struct frames *frames, cap_t space, uaddr_t at);

/*
 * Take a page whose first `zero_bytes` are zero. NULL: there is no memory, or PAGE_ALLOCATOR_PAGES_MAX pages are in use
 * (less PAGE_ALLOCATOR_RESERVE while frames have a floor).
 */
void *page_allocator_take(struct page_allocator *allocator, uint64_t zero_bytes);

/* Give back a page. It keeps its content until page_allocator_settle(), and is not taken before. */
void page_allocator_give(struct page_allocator *allocator, void *page);

/*
 * Give back a page that is all zero, so that it need not be cleared. It is kept for a caller that wants a whole page of
 * zeroes.
 */
void page_allocator_give_clean(struct page_allocator *allocator, void *page);

/* The changes by which pages were given back are whole: these pages may be taken. */
void page_allocator_settle_given(struct page_allocator *allocator);
static inline void page_allocator_settle(struct page_allocator *allocator) {
    if (allocator->given.count > 0)
        page_allocator_settle_given(allocator);
}

/* Mapped pages that are not in use. */
static inline uint32_t page_allocator_spare_count(const struct page_allocator *allocator) {
    return allocator->kept_spare.count + allocator->more_spare.count + allocator->given.count;
}

/*
 * In place of a program that has died: map its pages again, where they were. It changes nothing else. Errors: the
 * kernel's.
 */
MUST_USE uint64_t page_allocator_map_again(const struct page_allocator *allocator, cap_t space);

/*
 * Then tell the pages that are in use from the others: forget all, name each that a record lies in, and count their
 * frames.
 */
void page_allocator_forget(struct page_allocator *allocator);
void page_allocator_hold(struct page_allocator *allocator, const void *page);
void page_allocator_count(struct page_allocator *allocator);
