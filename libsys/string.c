#include "libsys/string.h"

#include <stdint.h>

/* Where a copy starts to be worth eight bytes a step. */
#define LONG_BYTES 16U

static inline void copy_forward(uint8_t **to, const uint8_t **from, size_t count, size_t step_bytes) {
    if (step_bytes == 8)
        __asm__ volatile("rep movsq" : "+D"(*to), "+S"(*from), "+c"(count) : : "memory");
    else
        __asm__ volatile("rep movsb" : "+D"(*to), "+S"(*from), "+c"(count) : : "memory");
}

void *memcpy(void *restrict to, const void *restrict from, size_t length_bytes) {
    uint8_t *out = to;
    const uint8_t *in = from;
    if (length_bytes >= LONG_BYTES) {
        copy_forward(&out, &in, length_bytes / 8, 8);
        length_bytes %= 8;
    }
    copy_forward(&out, &in, length_bytes, 1);
    return to;
}

void *memmove(void *to, const void *from, size_t length_bytes) {
    uint8_t *out = to;
    const uint8_t *in = from;
    /* Forward is right unless the target begins inside the source. */
    if ((uintptr_t)out - (uintptr_t)in >= length_bytes)
        return memcpy(to, from, length_bytes);
    while (length_bytes > 0) {
        length_bytes--;
        out[length_bytes] = in[length_bytes];
    }
    return to;
}

void *memset(void *to, int byte, size_t length_bytes) {
    uint8_t *out = to;
    uint64_t pattern = (uint8_t)byte * 0x0101010101010101ULL;
    if (length_bytes >= LONG_BYTES) {
        size_t count = length_bytes / 8;
        __asm__ volatile("rep stosq" : "+D"(out), "+c"(count) : "a"(pattern) : "memory");
        length_bytes %= 8;
    }
    __asm__ volatile("rep stosb" : "+D"(out), "+c"(length_bytes) : "a"(pattern) : "memory");
    return to;
}

int memcmp(const void *left, const void *right, size_t length_bytes) {
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (size_t i = 0; i < length_bytes; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

size_t strnlen(const char *text, size_t limit_bytes) {
    size_t length = 0;
    while (length < limit_bytes && text[length] != '\0')
        length++;
    return length;
}

int strncmp(const char *left, const char *right, size_t limit_bytes) {
    for (size_t i = 0; i < limit_bytes; i++) {
        uint8_t a = (uint8_t)left[i];
        uint8_t b = (uint8_t)right[i];
        if (a != b)
            return a < b ? -1 : 1;
        if (a == 0)
            return 0;
    }
    return 0;
}

int strcmp(const char *left, const char *right) { return strncmp(left, right, SIZE_MAX); }

char *strchr(const char *text, int character) {
    while (*text != (char)character) {
        if (*text == '\0')
            return NULL;
        text++;
    }
    return (char *)(uintptr_t)text; /* the standard's prototype drops the const */
}
