#include "test/host/process_store.h"

#include <stdlib.h>

uint32_t test_store_left;
uint32_t test_store_taken;

/* From the heap, so that the sanitizer sees whoever writes past a page or uses one that was given back. */
void *store_take(struct store *store) {
    (void)store;
    if (test_store_left == 0)
        return NULL;
    test_store_left--;
    test_store_taken++;
    return calloc(1, PAGE_BYTES);
}

void store_give(struct store *store, void *page) {
    (void)store;
    test_store_left++;
    test_store_taken--;
    free(page);
}
