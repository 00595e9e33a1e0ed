/*
 * Indices that users choose (docs/security.md). Part of arch.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Make `*index` 0 if it is not below `*limit`. True: it is something else than 0. No jump decides this, so there is none that a
 * CPU could guess wrong: even what it does too early and takes back again never looks behind the end of an array.
 */
static inline bool arch_bound(uint64_t *index, const uint64_t *limit) {
    uint64_t bounded;
    bool is_some;
    __asm__("cmp %3, %2; sbb %0, %0; and %2, %0" : "=&r"(bounded), "=@ccnz"(is_some) : "r"(*index), "m"(*limit));
    *index = bounded;
    return is_some;
}

/* The pointer, which the compiler has in one register from here on, and not as a base and an index in all that comes. */
static inline void *arch_one_register(void *pointer) {
    __asm__("" : "+r"(pointer));
    return pointer;
}
