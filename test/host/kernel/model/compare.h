/*
 * Compares the kernel's state with the model's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/cap/cap.h"

/* What differs; NULL: nothing. `all`: compare each mapped page and each word of memory, too. */
const char *compare_states(bool all);

/* The kernel's slot for a place in the model; NULL for interrupt lines, which can't be reached from here. */
const struct cap_slot *compare_slot(uint32_t place);
/* Is the place empty in the kernel? For an interrupt line the mask tells. */
bool compare_is_empty(uint32_t place);

/* The model's name for the kernel's thread; 0 = none. */
uint32_t compare_thread(const void *thread);
