/*
 * The two functions that the loader and the compiler (for structure copies) want from a C library.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict target, const void *restrict source, size_t bytes);
void *memset(void *target, int value, size_t bytes);
