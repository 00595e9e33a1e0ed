#include "boot/bytes.h"

#include <stdint.h>

/*
 * String instructions rather than loops: the compiler would turn a loop into a call of the very function that it is in.
 * Words come first, since an emulator takes as long for a byte as for a word.
 */
void *memcpy(void *restrict target, const void *restrict source, size_t bytes) {
    void *to = target;
    const void *from = source;
    size_t words = bytes / 8;
    size_t rest = bytes % 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return target;
}

void *memset(void *target, int value, size_t bytes) {
    void *to = target;
    size_t words = bytes / 8;
    size_t rest = bytes % 8;
    uint64_t pattern = (uint8_t)value * 0x0101010101010101ULL;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return target;
}
