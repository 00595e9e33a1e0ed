/*
 * Pseudo-random numbers, determined by the seed (the command line's word seed=N). Source: xorshift64*, Vigna, "An
 * experimental exploration of Marsaglia's xorshift generators, scrambled".
 */
#pragma once

#include <stdint.h>

/* One step of a private generator, for threads without variables. *state must not be 0. */
static inline uint64_t random_step(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}

/* The generator that all cases share. */
void random_seed(uint64_t seed);
uint64_t random_next(void);

/* 0..limit - 1; limit > 0. */
static inline uint64_t random_below(uint64_t limit) { return random_next() % limit; }
