/* The memory and string functions of libsys against the C library's, under other names. */
#define _POSIX_C_SOURCE 200809L /* strnlen */
#include <string.h>

#include "test/host/suite.h"
#include "test/lib/random.h"

#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define strlen our_strlen
#define strnlen our_strnlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#include "libsys/text/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define AREA 200U
#define LENGTH_MAX 80U

static uint8_t ours[AREA];
static uint8_t theirs[AREA];

static void fill(uint64_t seed) {
    for (uint32_t i = 0; i < AREA; i++)
        ours[i] = theirs[i] = (uint8_t)random_step(&seed);
}

static void check_same(const char *what, uint32_t to, uint32_t from, uint32_t length) {
    if (!CHECK(memcmp(ours, theirs, AREA) == 0))
        printf("#   %s to %u from %u length %u\n", what, to, from, length);
}

/* Every length, at every alignment, with every overlap of a few bytes and of many. */
static void memory_functions_agree(void) {
    for (uint32_t length = 0; length <= LENGTH_MAX; length++) {
        for (uint32_t offset = 0; offset < 9; offset++) {
            fill(length + 1);
            CHECK(our_memcpy(ours + offset, ours + 100, length) == ours + offset);
            memcpy(theirs + offset, theirs + 100, length);
            check_same("memcpy", offset, 100, length);
            CHECK(our_memset(ours + offset, 0x1a5, length) == ours + offset);
            memset(theirs + offset, 0xa5, length);
            check_same("memset", offset, 0, length);
            for (uint32_t from = 0; from < 20; from++) {
                fill(length + from + 1);
                CHECK(our_memmove(ours + offset, ours + from, length) == ours + offset);
                memmove(theirs + offset, theirs + from, length);
                check_same("memmove", offset, from, length);
            }
        }
    }
}

static int sign(int value) { return (value > 0) - (value < 0); }

static void comparisons_agree(void) {
    static const char *const texts[] = {"", "a", "ab", "abc", "abd", "b", "\x80", "a\xff"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK_EQUAL(our_strlen(texts[i]), strlen(texts[i]));
        CHECK_EQUAL(our_strnlen(texts[i], 2), strnlen(texts[i], 2));
        CHECK(our_strchr(texts[i], 'b') == strchr(texts[i], 'b'));
        CHECK(our_strchr(texts[i], 0) == strchr(texts[i], 0));
        for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++) {
            CHECK_EQUAL(sign(our_strcmp(texts[i], texts[j])), sign(strcmp(texts[i], texts[j])));
            for (size_t n = 0; n < 4; n++)
                CHECK_EQUAL(sign(our_strncmp(texts[i], texts[j], n)), sign(strncmp(texts[i], texts[j], n)));
        }
    }
    CHECK(our_memcmp("a\0b", "a\0c", 3) < 0 && our_memcmp("a\0b", "a\0c", 2) == 0 && our_memcmp("\xff", "a", 1) > 0);
}

SUITE(CASE(memory_functions_agree), CASE(comparisons_agree));
