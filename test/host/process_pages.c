#include "test/host/process_pages.h"

#include <stdlib.h>
#include <string.h>

#include "test/host/suite.h"

uint32_t test_pages_left;
uint32_t test_pages_taken;
bool test_pages_are_kept;

/* Pages that are given back, and still have their content; while test_pages_are_kept, those in use as well. */
struct page_list {
    void *pages[TEST_PAGES_GIVEN_MAX];
    uint32_t count;
};
static struct page_list used, given, held;

static void add(struct page_list *list, void *page) {
    if (!CHECK(list->count < TEST_PAGES_GIVEN_MAX))
        abort();
    list->pages[list->count++] = page;
}

/* False: it is not there. */
static bool take_out(struct page_list *list, const void *page) {
    for (uint32_t i = list->count; i > 0; i--) {
        if (list->pages[i - 1] != page)
            continue;
        list->pages[i - 1] = list->pages[--list->count];
        return true;
    }
    return false;
}

static void free_all(struct page_list *list) {
    while (list->count > 0)
        free(list->pages[--list->count]);
}

/* Pages from the heap, so that the sanitizer notices a write past a page, or the use of one that was given back. */
void *page_allocator_take(struct page_allocator *allocator, uint64_t zero_bytes) {
    (void)allocator;
    if (test_pages_left == 0)
        return NULL;
    test_pages_left--;
    test_pages_taken++;
    void *page = malloc(PAGE_BYTES);
    memset(page, 0xcc, PAGE_BYTES); /* code that relies on more zeroes than it asked for finds none */
    if (test_pages_are_kept)
        add(&used, page);
    return memset(page, 0, zero_bytes);
}

void page_allocator_give(struct page_allocator *allocator, void *page) {
    (void)allocator;
    test_pages_left++;
    test_pages_taken--;
    if (!test_pages_are_kept) {
        free(page);
        return;
    }
    CHECK(take_out(&used, page));
    add(&given, page);
}

void test_pages_settle(void) { free_all(&given); }

void test_pages_forget(void) {
    while (given.count > 0)
        add(&used, given.pages[--given.count]);
}

/* Each page has one owner: what is held twice would be given out twice. */
void page_allocator_hold(struct page_allocator *allocator, const void *page) {
    (void)allocator;
    if (test_pages_are_kept && CHECK(take_out(&used, page)))
        add(&held, (void *)(uintptr_t)page);
}

void test_pages_count(void) {
    test_pages_left += test_pages_taken;
    free_all(&used);
    memcpy(&used, &held, sizeof used);
    held.count = 0;
    test_pages_taken = used.count;
    test_pages_left -= test_pages_taken;
}

void page_allocator_give_clean(struct page_allocator *allocator, void *page) {
    for (uint32_t i = 0; i < PAGE_BYTES; i++)
        if (((const uint8_t *)page)[i] != 0)
            abort(); /* the page is not as zero as promised, on which its next user would rely */
    page_allocator_give(allocator, page);
}
