/*
 * A fuzz target is one file. It takes bytes, and a broken promise ends the process. libFuzzer provides main().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Unlike assert() of libc or the kernel, this is never compiled out. */
#define REQUIRE(condition) require((condition), #condition, __LINE__)

static inline void require(int holds, const char *condition, int line) {
    if (!holds) {
        fprintf(stderr, "line %d: does not hold: %s\n", line, condition);
        abort();
    }
}

/* The next byte of the input; 0 after its end. */
struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_bytes *bytes) {
    if (bytes->left == 0)
        return 0;
    bytes->left--;
    return *bytes->at++;
}

static inline uint32_t fuzz_word(struct fuzz_bytes *bytes) {
    uint32_t low = fuzz_byte(bytes);
    return low | (uint32_t)fuzz_byte(bytes) << 8;
}
