/*
 * Random words from the CPU.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/boot.h"

/* Fill `words` from RDSEED or RDRAND. False: the CPU has neither, or it ran dry; all words are 0 then. */
[[nodiscard]] bool entropy_from_cpu(uint64_t words[BOOT_ENTROPY_WORDS]);
