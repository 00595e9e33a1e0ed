/*
 * Random numbers from a seed: the key stream of ChaCha20, so that who sees outputs learns nothing about others. The seed must
 * be secret for that; nothing is mixed in later. Pure.
 * Source: RFC 8439, "ChaCha20 and Poly1305 for IETF Protocols", 2.3.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RANDOM_SEED_BYTES 32U /* as many of a seed count, and fewer will do */

struct random {
    uint32_t key[8];
    uint64_t block_count; /* blocks made so far */
    uint64_t words[8];    /* the last of them */
    uint32_t word_count;  /* of its words, those not given yet: the first ones */
};

/* The block of the key stream with this number. */
void random_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t ret_words[16]);

void random_start(struct random *random, const void *seed, size_t seed_bytes);

/* Any number, each as likely. */
uint64_t random_next(struct random *random);
