/*
 * FPU, SSE and AVX registers for tests of any program: all of them at once, with distinguishable values.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libsys/text/string.h"
#include "test/lib/random.h"

#define MXCSR_INITIAL 0x1f80U
#define CONTROL_INITIAL 0x37fU
#define CONTROL_DIVIDE_MASK (1U << 2)

/* The layout that fpu_registers.S uses. */
struct fpu_registers {
    uint64_t ymm[16][4]; /* without AVX the last two words of each are 0 */
    struct {
        uint64_t mantissa;
        uint16_t exponent;
        uint16_t unused[3];
    } x87[8];
    uint32_t control;
    uint32_t mxcsr;
};
_Static_assert(offsetof(struct fpu_registers, control) == 640, "fpu_registers.S");

uint32_t fpu_words(void); /* of a vector register: 4; without AVX 2 */
void fpu_load(const struct fpu_registers *registers);
void fpu_store(struct fpu_registers *registers);
enum { WORD_CONTROL, WORD_STATUS, WORD_TAGS, WORD_MXCSR, WORDS };
void fpu_state_words(uint64_t words[WORDS]);

/* Fill with values that differ from each other and from seed to seed. They are valid numbers, so
 * nothing normalises them. */
static inline void fpu_fill(struct fpu_registers *registers, uint64_t seed) {
    uint64_t random = seed;
    memset(registers, 0, sizeof *registers);
    for (uint32_t i = 0; i < 16; i++)
        for (uint32_t k = 0; k < fpu_words(); k++)
            registers->ymm[i][k] = random_step(&random);
    for (uint32_t i = 0; i < 8; i++) {
        registers->x87[i].mantissa = random_step(&random) | 1ULL << 63;
        registers->x87[i].exponent = (uint16_t)(0x3fff + i);
    }
    registers->control = CONTROL_INITIAL & ~(random_step(&random) & 3) << 8;       /* precision; exceptions masked */
    registers->mxcsr = MXCSR_INITIAL | (uint32_t)(random_step(&random) & 3) << 13; /* rounding */
}

/* Do the registers hold the values of fpu_fill with this seed? */
static inline _Bool fpu_holds(uint64_t seed) {
    struct fpu_registers expected, found;
    fpu_fill(&expected, seed);
    memset(&found, 0, sizeof found);
    fpu_store(&found);
    return memcmp(&expected, &found, sizeof found) == 0;
}

/* Are they in the initial state? */
static inline _Bool fpu_is_clean(void) {
    static const struct fpu_registers zero;
    struct fpu_registers found;
    uint64_t words[WORDS];
    fpu_state_words(words);
    memset(&found, 0, sizeof found);
    fpu_store(&found);
    __asm__ volatile("fninit"); /* storing has filled the x87's registers */
    return words[WORD_CONTROL] == CONTROL_INITIAL && words[WORD_STATUS] == 0 && words[WORD_TAGS] == 0 &&
           words[WORD_MXCSR] == MXCSR_INITIAL && memcmp(found.ymm, zero.ymm, sizeof found.ymm) == 0;
}
