/*
 * Small programs of a few CPUs, right ones and wrong ones, for the explorer's own test. Their code is compiled as the
 * kernel is for it: each load and store is a step.
 */
#pragma once

#include "test/host/kernel/schedules/explore.h"

struct toy {
    const char *name;
    struct explore_program program;
    const char *mistake; /* what its failure begins with; NULL: there is none to be found */
    uint64_t within;     /* schedules of either scheduler in which it is found */
};

extern const struct toy toys[];
extern const uint32_t toy_count;
