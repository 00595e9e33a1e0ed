/*
 * A queue of bytes in a fixed array.
 *
 *     bytes:  |      taken ....... added      |     both count bytes since the start; the place is the count modulo
 *                    ^ oldest      ^ next     |     the size, so full (added - taken == size) differs from empty
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ring {
    uint8_t *bytes;
    size_t size; /* a power of two */
    size_t added;
    uint64_t taken;
};

static inline size_t ring_used(const struct ring *ring) { return ring->added - ring->taken; }
static inline size_t ring_free(const struct ring *ring) { return ring->size - ring_used(ring); }
/* Add a byte; the caller knows that there is room. */
static inline void ring_add(struct ring *ring, uint8_t byte) { ring->bytes[ring->added++ & (ring->size - 1)] = byte; }

/* The byte `ahead` of the oldest; ahead < ring_used(). */
static inline uint8_t ring_peek(const struct ring *ring, size_t ahead) {
    return ring->bytes[(ring->taken + ahead) & (ring->size - 1)];
}

/* Take the oldest byte; the caller knows that there is one. */
static inline uint8_t ring_take(struct ring *ring) {
    uint8_t byte = ring_peek(ring, 0);
    ring->taken++;
    return byte;
}
