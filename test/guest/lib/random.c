#include "test/guest/lib/random.h"

static uint64_t random_state = 1;

void random_seed(uint64_t seed) { random_state = (seed + 1) * 0x9e3779b97f4a7c15ULL | 1; /* 0 would stay 0 */ }

uint64_t random_next(void) { return random_step(&random_state); }
