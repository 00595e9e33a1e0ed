/* Are the random numbers the key stream of ChaCha20, and does the seed determine them? */
#include "libsys/maker/random.h"

#include <string.h>

#include "test/host/suite.h"

static const uint8_t key[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

/* RFC 8439, 2.3.2 "Test Vector for the ChaCha20 Block Function". */
static void block_is_that_of_the_rfc(void) {
    static const uint8_t nonce[12] = {0, 0, 0, 9, 0, 0, 0, 0x4a};
    static const uint8_t wanted[64] = {0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
                                       0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
                                       0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
                                       0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
                                       0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
    uint32_t key_words[8], nonce_words[3], words[16];
    memcpy(key_words, key, sizeof key_words);
    memcpy(nonce_words, nonce, sizeof nonce_words);
    random_block(key_words, 1, nonce_words, words);
    CHECK(memcmp(words, wanted, sizeof wanted) == 0);
}

/* Every word of every block comes once, also where the number of blocks passes 32 bits. */
static void numbers_are_the_key_stream(void) {
    static const uint64_t starts[] = {0, 0xffffffff, 1ULL << 40};
    struct random random;
    uint32_t key_words[8];
    memcpy(key_words, key, sizeof key_words);
    for (uint32_t i = 0; i < 3; i++) {
        random_start(&random, key, sizeof key);
        random.block_count = starts[i];
        for (uint64_t number = starts[i]; number < starts[i] + 3; number++) {
            const uint32_t nonce[3] = {(uint32_t)(number >> 32)};
            uint32_t words[16];
            random_block(key_words, (uint32_t)number, nonce, words);
            for (uint32_t j = 8; j > 0; j--) {
                uint64_t wanted;
                memcpy(&wanted, words + 2 * (j - 1), sizeof wanted);
                CHECK_EQUAL(random_next(&random), wanted);
            }
        }
    }
}

/* Equal seeds give equal numbers; each bit of a seed counts; bytes beyond the seed's size are not read. */
static void seed_decides(void) {
    struct random one, other;
    uint8_t seed[RANDOM_SEED_BYTES + 1];
    memcpy(seed, key, sizeof key);
    for (uint32_t bit = 0; bit < 8 * sizeof seed; bit++) {
        memcpy(seed, key, sizeof key);
        seed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        random_start(&one, key, sizeof key);
        random_start(&other, seed, sizeof seed);
        CHECK((random_next(&one) == random_next(&other)) == (bit >= 8 * RANDOM_SEED_BYTES));
    }
    random_start(&one, key, 16);
    memset(seed, 0, sizeof seed);
    memcpy(seed, key, 16);
    random_start(&other, seed, sizeof seed);
    CHECK_EQUAL(random_next(&one), random_next(&other));
}

SUITE(CASE(block_is_that_of_the_rfc), CASE(numbers_are_the_key_stream), CASE(seed_decides));
