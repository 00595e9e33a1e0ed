#include "test/host/process_store.h"

#include <stdlib.h>
#include <string.h>

uint32_t test_store_left;
uint32_t test_store_taken;

/* Pages from the heap, so that the sanitizer notices a write past a page, or the use of one that was given back. */
void *store_take(struct store *store, uint64_t zero_bytes) {
    (void)store;
    if (test_store_left == 0)
        return NULL;
    test_store_left--;
    test_store_taken++;
    void *page = malloc(PAGE_BYTES);
    memset(page, 0xcc, PAGE_BYTES); /* code that relies on more zeroes than it asked for finds none */
    return memset(page, 0, zero_bytes);
}

void store_give(struct store *store, void *page) {
    (void)store;
    test_store_left++;
    test_store_taken--;
    free(page);
}

void store_give_clean(struct store *store, void *page) {
    for (uint32_t i = 0; i < PAGE_BYTES; i++)
        if (((const uint8_t *)page)[i] != 0)
            abort(); /* the page is not as zero as promised, on which its next user would rely */
    store_give(store, page);
}
