#include "test/host/process_store.h"

#include <stdlib.h>
#include <string.h>

uint32_t test_store_left;
uint32_t test_store_taken;

/* From the heap, so that the sanitizer sees whoever writes past a page or uses one that was given back. */
void *store_take(struct store *store, uint64_t zero_bytes) {
    (void)store;
    if (test_store_left == 0)
        return NULL;
    test_store_left--;
    test_store_taken++;
    void *page = malloc(PAGE_BYTES);
    memset(page, 0xcc, PAGE_BYTES); /* whoever relies on more zeroes than he asked for finds none */
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
            abort(); /* it is not, and the next one would find that */
    store_give(store, page);
}
