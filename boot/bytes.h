/*
 * The two functions of a C library that the loader needs; the compiler calls them to copy and clear structures.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict target, const void *restrict source, size_t bytes);
void *memset(void *target, int value, size_t bytes);
