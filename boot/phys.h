/*
 * How the loader's core reaches physical memory. On the machine (phys.c) memory is identity-mapped; a host test
 * substitutes its own arena.
 */
#pragma once

#include <stdint.h>

void *phys_pointer(uint64_t phys);
