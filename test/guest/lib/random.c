#include "test/guest/lib/random.h"

static uint64_t random_state = 1;

void random_seed(uint64_t seed) { random_state = (seed + 1) * 0x9e3779b97f4a7c15ULL | 1; /* 0 would stay 0 */ }

uint64_t random_next(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dULL;
}
