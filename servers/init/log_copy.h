/*
 * Reading the kernel's log while the kernel writes it (kernel/abi/log.h). Pure.
 */
#pragma once

#include "kernel/abi/log.h"

/*
 * Copy up to `most_bytes` of the log to `bytes`, from byte number *position on, or from the oldest byte that is still
 * there. Returns the number of bytes copied; *position is then the number of the next byte. 0: there are no more.
 */
uint64_t log_copy(const struct log_ring *ring, uint64_t *position, char *bytes, uint64_t most_bytes);
