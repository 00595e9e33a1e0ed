#include "test/host/process_pages.h"

#include <stdlib.h>
#include <string.h>

uint32_t test_pages_left;
uint32_t test_pages_taken;

/* Pages from the heap, so that the sanitizer notices a write past a page, or the use of one that was given back. */
void *page_allocator_take(struct page_allocator *allocator, uint64_t zero_bytes) {
    (void)allocator;
    if (test_pages_left == 0)
        return NULL;
    test_pages_left--;
    test_pages_taken++;
    void *page = malloc(PAGE_BYTES);
    memset(page, 0xcc, PAGE_BYTES); /* code that relies on more zeroes than it asked for finds none */
    return memset(page, 0, zero_bytes);
}

void page_allocator_give(struct page_allocator *allocator, void *page) {
    (void)allocator;
    test_pages_left++;
    test_pages_taken--;
    free(page);
}

void page_allocator_hold(struct page_allocator *allocator, const void *page) {
    (void)allocator;
    (void)page;
}

void page_allocator_give_clean(struct page_allocator *allocator, void *page) {
    for (uint32_t i = 0; i < PAGE_BYTES; i++)
        if (((const uint8_t *)page)[i] != 0)
            abort(); /* the page is not as zero as promised, on which its next user would rely */
    page_allocator_give(allocator, page);
}
