/*
 * Indices that users choose (docs/security.md). Part of arch.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Make `*index` 0 if it is not below `*limit`. True: the result is not 0. No branch decides this, so there is none to
 * mispredict: even speculative execution never reads beyond the end of an array.
 */
static inline bool arch_bound(uint64_t *index, const uint64_t *limit) {
    uint64_t bounded;
    bool is_some;
    __asm__("cmp %3, %2; sbb %0, %0; and %2, %0" : "=&r"(bounded), "=@ccnz"(is_some) : "r"(*index), "m"(*limit));
    *index = bounded;
    return is_some;
}

/*
 * Returns `pointer`, which the compiler keeps in one register from here on, and not as a base and an index in later
 * accesses.
 */
static inline void *arch_one_register(void *pointer) {
    __asm__("" : "+r"(pointer));
    return pointer;
}
