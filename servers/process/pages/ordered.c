#include "servers/process/pages/ordered.h"

#include <stdbool.h>

#include "libsys/text/string.h"
#include "libsys/wire/journal.h"

static uint8_t *element_at(const struct ordered *ordered, const struct ordered_chunk *chunk, uint32_t index) {
    return chunk->elements + (uint64_t)index * ordered->element_bytes;
}

static uint64_t key_at(const struct ordered *ordered, const struct ordered_chunk *chunk, uint32_t index) {
    return *(const uint64_t *)(const void *)element_at(ordered, chunk, index);
}

/* The last chunk whose first key is not above `key`; the first chunk if there is none. */
static uint32_t find_chunk(const struct ordered *ordered, uint64_t key) {
    uint32_t low = 0, high = ordered->chunk_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (key_at(ordered, &ordered->chunks[middle], 0) <= key)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* How many elements of a chunk have a key that is not above this. Most insertions are at the end. */
static uint32_t count_to(const struct ordered *ordered, const struct ordered_chunk *chunk, uint64_t key) {
    uint32_t low = 0, high = chunk->count;
    if (high > 0 && key_at(ordered, chunk, high - 1) <= key)
        return high;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (key_at(ordered, chunk, middle) <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void *ordered_floor(const struct ordered *ordered, uint64_t key) {
    if (ordered->count == 0)
        return NULL;
    const struct ordered_chunk *chunk = &ordered->chunks[ordered->chunk_count == 1 ? 0 : find_chunk(ordered, key)];
    uint32_t count = count_to(ordered, chunk, key);
    return count > 0 ? element_at(ordered, chunk, count - 1) : NULL;
}

void *ordered_next_chunk(const struct ordered *ordered, const void *element) {
    const struct ordered_chunk *chunk = &ordered->chunks[find_chunk(ordered, *(const uint64_t *)element)];
    uint64_t offset = (uint64_t)((const uint8_t *)element - chunk->elements) + ordered->element_bytes;
    if (offset < (uint64_t)chunk->count * ordered->element_bytes)
        return chunk->elements + offset;
    return chunk + 1 < ordered->chunks + ordered->chunk_count ? chunk[1].elements : NULL;
}

static uint32_t room_of(const struct ordered *ordered, const struct ordered_chunk *chunk) {
    return chunk->elements == ordered->own ? ordered->own_max : (uint32_t)(PAGE_BYTES / ordered->element_bytes);
}

static void give(const struct ordered *ordered, struct page_allocator *allocator, const struct ordered_chunk *chunk) {
    if (chunk->elements != ordered->own)
        page_allocator_give(allocator, chunk->elements);
}

/*
 * Before a change, unless nothing names the owner yet. `count` needs no note: it is the sum of the chunks' counts. Nor
 * do elements behind a chunk's count, as long as that was not larger before the change: who makes it smaller notes what
 * it leaves behind.
 */
static void note_chunks_from(const struct ordered *ordered, uint32_t number) {
    if (ordered->fresh)
        return;
    journal_note(&ordered->chunks[number], (ordered->chunk_count - number) * sizeof ordered->chunks[0]);
    journal_note(&ordered->chunk_count, sizeof ordered->chunk_count);
}

_Static_assert(sizeof(struct ordered_chunk) == 2 * sizeof(uint64_t), "the count is in a word of its own");

/* Out of line: where something names the owner, insertions are rare. */
__attribute__((noinline)) static void note_elements_from(const struct ordered *ordered,
                                                         const struct ordered_chunk *chunk, uint32_t index) {
    journal_note(&chunk->count, sizeof(uint64_t));
    if (index < chunk->count)
        journal_note(element_at(ordered, chunk, index), (uint64_t)(chunk->count - index) * ordered->element_bytes);
}

static void remove_chunk(struct ordered *ordered, struct page_allocator *allocator, uint32_t number) {
    struct ordered_chunk *chunk = &ordered->chunks[number];
    note_chunks_from(ordered, number);
    give(ordered, allocator, chunk);
    ordered->chunk_count--;
    memmove(chunk, chunk + 1, (ordered->chunk_count - number) * sizeof *chunk);
}

/* Merge a chunk with the next one if they fit into one with room for one more element. */
static void merge(struct ordered *ordered, struct page_allocator *allocator, uint32_t number) {
    if (number + 1 >= ordered->chunk_count)
        return;
    struct ordered_chunk *chunk = &ordered->chunks[number];
    if (chunk[0].count + chunk[1].count >= room_of(ordered, chunk))
        return;
    note_chunks_from(ordered, number);
    memcpy(element_at(ordered, chunk, chunk->count), chunk[1].elements,
           (uint64_t)chunk[1].count * ordered->element_bytes);
    chunk->count += chunk[1].count;
    remove_chunk(ordered, allocator, number + 1);
}

/*
 * Split a full chunk, or move it from the owner's room to a page. Insertions in ascending order leave full chunks
 * behind.
 * Out of line: mostly there is room, and then this costs nothing.
 */
__attribute__((noinline)) static bool make_room(struct ordered *ordered, struct page_allocator *allocator,
                                                uint32_t number) {
    struct ordered_chunk *chunk = &ordered->chunks[number];
    uint8_t *page = page_allocator_take(allocator, 0);
    if (page == NULL)
        return false;
    bool own = chunk->elements == ordered->own, last = number + 1 == ordered->chunk_count;
    uint32_t kept = own ? 0 : last ? chunk->count - 1 : chunk->count / 2;
    note_chunks_from(ordered, number);
    if (!ordered->fresh) /* their old places are behind the count from now on, and the next insertion takes the first */
        journal_note(element_at(ordered, chunk, kept), (uint64_t)(chunk->count - kept) * ordered->element_bytes);
    memcpy(page, element_at(ordered, chunk, kept), (uint64_t)(chunk->count - kept) * ordered->element_bytes);
    if (own) {
        chunk->elements = page;
        return true;
    }
    memmove(chunk + 2, chunk + 1, (ordered->chunk_count - number - 1) * sizeof *chunk);
    chunk[1] = (struct ordered_chunk){page, chunk->count - kept};
    chunk->count = kept;
    ordered->chunk_count++;
    merge(ordered, allocator, number + 1);
    if (number > 0)
        merge(ordered, allocator, number - 1);
    return true;
}

uint32_t ordered_insert(struct ordered *ordered, struct page_allocator *allocator, uint64_t key, void **ret_element) {
    if (ordered->count == ordered->count_max)
        return P_LIMIT;
    if (ordered->count == 0) {
        ordered->chunks[0] = (struct ordered_chunk){ordered->own, 0};
        ordered->chunk_count = 1;
    }
    struct ordered_chunk *chunk = &ordered->chunks[find_chunk(ordered, key)];
    if (chunk->count == room_of(ordered, chunk)) {
        if (!make_room(ordered, allocator, (uint32_t)(chunk - ordered->chunks)))
            return P_NO_MEMORY;
        chunk = &ordered->chunks[find_chunk(ordered, key)];
    }
    uint32_t index = count_to(ordered, chunk, key);
    uint8_t *element = element_at(ordered, chunk, index);
    if (!ordered->fresh)
        note_elements_from(ordered, chunk, index);
    if (index < chunk->count)
        memmove(element + ordered->element_bytes, element, (uint64_t)(chunk->count - index) * ordered->element_bytes);
    *(uint64_t *)(void *)element = key;
    chunk->count++;
    ordered->count++;
    *ret_element = element;
    return OK;
}

void ordered_remove(struct ordered *ordered, struct page_allocator *allocator, uint64_t key) {
    uint32_t number = find_chunk(ordered, key);
    struct ordered_chunk *chunk = &ordered->chunks[number];
    uint32_t index = count_to(ordered, chunk, key) - 1;
    uint8_t *element = element_at(ordered, chunk, index);
    if (!ordered->fresh)
        note_elements_from(ordered, chunk, index);
    chunk->count--;
    ordered->count--;
    memmove(element, element + ordered->element_bytes, (uint64_t)(chunk->count - index) * ordered->element_bytes);
    if (chunk->count == 0)
        remove_chunk(ordered, allocator, number);
    else
        merge(ordered, allocator, number);
    if (number > 0)
        merge(ordered, allocator, number - 1);
}

void ordered_destroy(struct ordered *ordered, struct page_allocator *allocator) {
    while (ordered->chunk_count > 0)
        give(ordered, allocator, &ordered->chunks[--ordered->chunk_count]);
}

void ordered_restart(struct ordered *ordered, struct page_allocator *allocator) {
    ordered->count = 0;
    for (uint32_t i = 0; i < ordered->chunk_count; i++) {
        ordered->count += ordered->chunks[i].count;
        if (ordered->chunks[i].elements != ordered->own)
            page_allocator_hold(allocator, ordered->chunks[i].elements);
    }
}

uint64_t ordered_page_count(const struct ordered *ordered) {
    bool own = ordered->chunk_count == 0 || ordered->chunks[0].elements == ordered->own;
    return own ? 0 : ordered->chunk_count;
}
