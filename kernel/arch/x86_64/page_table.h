/*
 * Page-table functions for the rest of arch/x86_64, beyond those in arch.h.
 */
#pragma once

#include <stdint.h>

extern uint64_t sealed_root; /* physical address of the kernel's own PML4, whose kernel half all spaces share */

/*
 * Read the raw entries on the way to `address`, PML4 first. Returns how many were read: the last is a leaf or absent.
 */
uint32_t page_walk(uint64_t root, uint64_t address, uint64_t entries[static 4]);
