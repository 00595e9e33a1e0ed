/*
 * The kernel's test hooks (kernel/abi/system.h), and what suites that use them share.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/system.h"

/* One of CONTROL_TEST_...; returns the status. */
uint64_t hook_test(enum control_test test, uint64_t parameter);

/* What a call that fails must not change. */
struct hook_counts {
    uint64_t pool_used, mapped_frames, kernel_frames, capabilities;
};
struct hook_counts hook_counts(cap_t pool);
/* The case fails if they differ, or if an invariant of the kernel's is broken. */
void hook_check_counts(cap_t pool, const struct hook_counts *before);

/* A Memory with all rights whose `count` times 512 frames begin at a multiple of 2 MiB: contents undefined. */
cap_t hook_large_memory(uint64_t count);
