#include "libsys/maker/random.h"

#include "libsys/text/string.h"

static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; /* "expand 32-byte k" */

static uint32_t rotate(uint32_t word, uint32_t count) { return word << count | word >> (32 - count); }

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
    *a += *b;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

void random_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t ret_words[16]) {
    uint32_t start[16], *w = ret_words;
    memcpy(start, constants, sizeof constants);
    memcpy(start + 4, key, 8 * sizeof key[0]);
    start[12] = counter;
    memcpy(start + 13, nonce, 3 * sizeof nonce[0]);
    memcpy(w, start, sizeof start);
    for (uint32_t round = 0; round < 20; round += 2) {
        for (uint32_t i = 0; i < 4; i++) /* columns, then diagonals */
            quarter_round(&w[i], &w[i + 4], &w[i + 8], &w[i + 12]);
        for (uint32_t i = 0; i < 4; i++)
            quarter_round(&w[i], &w[4 + (i + 1) % 4], &w[8 + (i + 2) % 4], &w[12 + (i + 3) % 4]);
    }
    for (uint32_t i = 0; i < 16; i++)
        w[i] += start[i];
}

void random_start(struct random *random, const void *seed, size_t seed_bytes) {
    memset(random, 0, sizeof *random);
    memcpy(random->key, seed, seed_bytes < RANDOM_SEED_BYTES ? seed_bytes : RANDOM_SEED_BYTES);
}

uint64_t random_next(struct random *random) {
    if (random->word_count == 0) {
        uint64_t number = random->block_count++;
        const uint32_t nonce[3] = {(uint32_t)(number >> 32)};
        uint32_t words[16];
        random_block(random->key, (uint32_t)number, nonce, words);
        memcpy(random->words, words, sizeof random->words);
        random->word_count = sizeof random->words / sizeof random->words[0];
    }
    return random->words[--random->word_count];
}
