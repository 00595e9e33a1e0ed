/*
 * Small programs of a few CPUs, right and wrong ones, for the explorer's own test. Like the kernel they are compiled so
 * that each load and store is a step.
 */
#pragma once

#include "test/host/kernel/schedules/explore.h"

struct toy {
    const char *name;
    struct explore_program program;
    const char *mistake; /* how its failure's text begins; NULL: it has no mistake */
    uint64_t within;     /* how many schedules each scheduler may take to find it */
};

extern const struct toy toys[];
extern const uint32_t toy_count;
