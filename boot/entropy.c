#include "boot/entropy.h"

#include "boot/cpu.h"

/* Intel's Digital Random Number Generator guide: ten failures of RDRAND in a row mean that the hardware is broken. */
enum { TRIES = 10, LEAF_FEATURES = 1, LEAF_EXTENDED = 7, HAS_RDRAND = 1 << 30, HAS_RDSEED = 1 << 18 };

static bool read_rdseed(uint64_t *ret_word) {
    bool good;
    __asm__ volatile("rdseed %0" : "=r"(*ret_word), "=@ccc"(good) : : "cc");
    return good;
}

static bool read_rdrand(uint64_t *ret_word) {
    bool good;
    __asm__ volatile("rdrand %0" : "=r"(*ret_word), "=@ccc"(good) : : "cc");
    return good;
}

static bool read_word(bool (*read)(uint64_t *ret_word), uint64_t *ret_word) {
    for (uint32_t try = 0; try < TRIES; try++) {
        if (read(ret_word))
            return true;
    }
    *ret_word = 0;
    return false;
}

bool entropy_from_cpu(uint64_t words[BOOT_ENTROPY_WORDS]) {
    bool has_rdrand = (cpu_id(LEAF_FEATURES).ecx & HAS_RDRAND) != 0;
    bool has_rdseed = cpu_id(0).eax >= LEAF_EXTENDED && (cpu_id(LEAF_EXTENDED).ebx & HAS_RDSEED) != 0;
    bool good = has_rdrand || has_rdseed;
    for (uint32_t i = 0; i < BOOT_ENTROPY_WORDS; i++) {
        words[i] = 0;
        /* RDSEED is the better source, but many CPUs that ask at once can empty it. */
        bool word_good = has_rdseed && read_word(read_rdseed, &words[i]);
        word_good = word_good || (has_rdrand && read_word(read_rdrand, &words[i]));
        good = good && word_good;
    }
    for (uint32_t i = 0; !good && i < BOOT_ENTROPY_WORDS; i++)
        words[i] = 0;
    return good;
}
