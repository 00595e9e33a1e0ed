/*
 * Pseudo-random numbers, determined by the seed (the command line's word seed=N).
 */
#pragma once

#include "test/lib/random.h"

/* The generator that all cases share. */
void random_seed(uint64_t seed);
uint64_t random_next(void);

/* 0..limit - 1; limit > 0. */
static inline uint64_t random_below(uint64_t limit) { return random_next() % limit; }
