/*
 * Bulk memory functions by string instructions, eight bytes a step.
 */
#include "kernel/base/string.h"

void memory_fill_words(void *memory, uint64_t word, uint64_t bytes) {
    uint64_t count = bytes / 8;
    __asm__ volatile("rep stosq" : "+D"(memory), "+c"(count) : "a"(word) : "memory");
}

void memory_clear(void *memory, uint64_t bytes) { memory_fill_words(memory, 0, bytes); }

void memory_move(void *to, const void *from, uint64_t bytes) {
    uint64_t count = bytes / 8, rest = bytes % 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
}

void *memset(void *memory, int byte, size_t bytes) {
    uint64_t word = 0x0101010101010101ULL * (uint8_t)byte;
    memory_fill_words(memory, word, bytes);
    uint8_t *end = (uint8_t *)memory + bytes;
    for (uint64_t i = bytes % 8; i > 0; i--)
        end[-(int64_t)i] = (uint8_t)byte;
    return memory;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    memory_move(to, from, bytes);
    return to;
}

size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

int text_compare(const char *a, const char *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
        if (a[i] == 0)
            return 0;
    }
    return 0;
}
