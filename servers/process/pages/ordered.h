/*
 * Elements of one size in ascending order of a 64-bit key, with which each begins: a B+-tree of two levels. Pure,
 * except that it takes pages from the page allocator.
 *
 *   ordered -- chunks, ascending     where its elements are, and how many
 *                 `- elements        a page full at most
 *
 * As long as the elements fit into the owner's own room, there is one chunk, which lies there, and no page is taken.
 * Pointers to elements are valid until the next insertion or removal.
 */
#pragma once

#include <stdint.h>

#include "servers/process/pages/page_allocator.h"

struct ordered_chunk {
    uint8_t *elements;
    uint32_t count; /* > 0 */
};

/* Chunks that suffice for `elements`: two neighbouring chunks have at least as many elements as fit into one. */
#define ORDERED_CHUNKS(elements, element_bytes) (2 * (elements) / (PAGE_BYTES / (element_bytes)) + 2)

struct ordered {
    uint32_t count, chunk_count;
    uint32_t element_bytes;
    uint32_t count_max;
    uint32_t own_max;             /* elements that fit into `own` */
    bool fresh;                   /* nothing names the owner yet: changes are not noted (libsys/wire/journal.h) */
    uint8_t *own;                 /* the owner's room */
    struct ordered_chunk *chunks; /* ORDERED_CHUNKS of count_max */
};

/* The last element whose key is not above this. NULL: there is none. */
void *ordered_floor(const struct ordered *ordered, uint64_t key);

/* The last element. NULL: there is none. */
static inline void *ordered_last(const struct ordered *ordered) {
    if (ordered->count == 0)
        return NULL;
    const struct ordered_chunk *chunk = &ordered->chunks[ordered->chunk_count - 1];
    return chunk->elements + (uint64_t)(chunk->count - 1) * ordered->element_bytes;
}

/* The element behind this one; behind NULL, the first. NULL: there is none. */
void *ordered_next_chunk(const struct ordered *ordered, const void *element);
static inline void *ordered_next(const struct ordered *ordered, const void *element) {
    if (element == NULL)
        return ordered->count > 0 ? ordered->chunks[0].elements : NULL;
    if (ordered->chunk_count > 1)
        return ordered_next_chunk(ordered, element);
    uint8_t *next = (uint8_t *)(uintptr_t)element + ordered->element_bytes;
    return next < ordered->chunks[0].elements + (uint64_t)ordered->count * ordered->element_bytes ? next : NULL;
}

/*
 * Insert an element with this key, which must be new; the caller fills in all but the key. Errors: P_LIMIT there are
 * count_max; P_NO_MEMORY.
 */
MUST_USE uint32_t ordered_insert(struct ordered *ordered, struct page_allocator *allocator, uint64_t key,
                                 void **ret_element);

/* Remove the element with this key, which must be there. */
void ordered_remove(struct ordered *ordered, struct page_allocator *allocator, uint64_t key);

/* Give back all pages. */
void ordered_destroy(struct ordered *ordered, struct page_allocator *allocator);

/* In place of a program that has died: count the elements, and tell the page allocator which pages are in use. */
void ordered_restart(struct ordered *ordered, struct page_allocator *allocator);

/* Pages taken from the page allocator. */
uint64_t ordered_page_count(const struct ordered *ordered);
