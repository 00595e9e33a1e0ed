/*
 * Pseudo-random numbers that are the same in every run. Source: xorshift64*, Vigna, "An experimental exploration of
 * Marsaglia's xorshift generators, scrambled".
 */
#pragma once

#include <stdint.h>

/* The next number of a generator. *state must not be 0; threads without variables have one of their own. */
static inline uint64_t random_step(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}
