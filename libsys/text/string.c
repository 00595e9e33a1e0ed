#include "libsys/text/string.h"

#include <stdint.h>

static uint64_t load_word(const uint8_t *at) {
    uint64_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

static void store_word(uint8_t *at, uint64_t word) { __builtin_memcpy(at, &word, sizeof word); }

/* The last word is read before anything is written, so that memmove may use this for a target below its source. */
void *memcpy(void *restrict to, const void *restrict from, size_t length_bytes) {
    uint8_t *out = to;
    const uint8_t *in = from;
    if (length_bytes < 8) {
        __asm__ volatile("rep movsb" : "+D"(out), "+S"(in), "+c"(length_bytes) : : "memory");
        return to;
    }
    uint8_t *last_out = out + length_bytes - 8;
    uint64_t last = load_word(in + length_bytes - 8), words = length_bytes / 8;
    if (length_bytes > 16)
        __asm__ volatile("rep movsq" : "+D"(out), "+S"(in), "+c"(words) : : "memory");
    else
        store_word(out, load_word(in));
    store_word(last_out, last);
    return to;
}

void *memmove(void *to, const void *from, size_t length_bytes) {
    uint8_t *out = to;
    const uint8_t *in = from;
    /* Copy forward unless the target begins inside the source. */
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
    if (length_bytes >= 16) { /* where it starts to be worth eight bytes a step */
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
