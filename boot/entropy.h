/*
 * Random words from the CPU.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/boot.h"

/* Fill `words` by RDSEED or RDRAND. False: the CPU has neither, or it ran dry; the words are then all 0. */
[[nodiscard]] bool entropy_from_cpu(uint64_t words[BOOT_ENTROPY_WORDS]);
