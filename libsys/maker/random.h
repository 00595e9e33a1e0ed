/*
 * Random numbers from a seed: the key stream of ChaCha20, so that outputs reveal nothing about other outputs as long as
 * the seed is secret. Nothing is mixed in later. Pure.
 * Source: RFC 8439, "ChaCha20 and Poly1305 for IETF Protocols", 2.3.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RANDOM_SEED_BYTES 32U /* longest seed used; a shorter one works */

struct random {
    uint32_t key[8];
    uint64_t block_count; /* blocks made so far */
    uint64_t words[8];    /* of the last block */
    uint32_t word_count;  /* how many of them, from the first on, were not given out yet */
};

/* Compute block `counter` of the key stream. */
void random_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t ret_words[16]);

void random_start(struct random *random, const void *seed, size_t seed_bytes);

/* Returns a uniformly distributed number. */
uint64_t random_next(struct random *random);
