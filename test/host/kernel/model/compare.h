/*
 * The kernel's state against the model's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/cap.h"

/* NULL: they agree; else what differs. `all`: also each mapped page and each word of memory. */
const char *compare_states(bool all);

/* The kernel's slot for a place of the model's; NULL: it cannot be reached from here (interrupt lines). */
const struct cap_slot *compare_slot(uint32_t place);
/* Has the kernel nothing there? Of an interrupt line the mask tells. */
bool compare_is_empty(uint32_t place);

/* The model's name for the kernel's thread; 0 = none. */
uint32_t compare_thread(const void *thread);
