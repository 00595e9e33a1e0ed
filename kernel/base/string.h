/*
 * Bulk memory functions: they work on whole 8-byte words, so that the cost is one step per word, in emulators, too.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* `bytes` is a multiple of 8 and `memory` is aligned to 8. */
void memory_clear(void *memory, uint64_t bytes);
void memory_fill_words(void *memory, uint64_t word, uint64_t bytes);
/* Any length and alignment; the two do not overlap. */
void memory_move(void *to, const void *from, uint64_t bytes);

/* The compiler may call these for structures. */
void *memset(void *memory, int byte, size_t bytes);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);

/* Length of a zero-terminated text, and comparison of `count` bytes: for the command line only. */
size_t text_length(const char *text);
int text_compare(const char *a, const char *b, size_t count);
