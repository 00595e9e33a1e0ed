/*
 * What a case has to leave as it was: the kernel's counts, and behind them those that a suite adds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BASELINE_OWN 3U /* the first figure that is the suite's own */
#define BASELINE_MAX 16U

struct baseline {
    uint64_t figures[BASELINE_MAX];
};

/* The kernel's figures; all others are 0. */
struct baseline baseline_of_kernel(void);

bool baseline_is_same(const struct baseline *before, const struct baseline *after);

/* Fail the case for each figure that is not what it was. */
void baseline_compare(const struct baseline *before, const struct baseline *after, const char *const *own_names);
