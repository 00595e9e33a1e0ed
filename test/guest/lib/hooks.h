/*
 * The kernel's test hooks (kernel/abi/system.h), and helpers of the suites that use them.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/system.h"

/* One of CONTROL_TEST_...; returns the status. */
uint64_t hook_test(enum control_test test, uint64_t parameter);

/* Counts that a failing call must not change. */
struct hook_counts {
    uint64_t pool_used, mapped_frames, kernel_frames, capabilities;
};
struct hook_counts hook_counts(cap_t pool);
/* The case fails if they differ, or if an invariant of the kernel's is broken. */
void hook_check_counts(cap_t pool, const struct hook_counts *before);

/* A Memory of `count` times 512 frames, from a multiple of 2 MiB, with all rights and undefined contents. */
cap_t hook_large_memory(uint64_t count);
