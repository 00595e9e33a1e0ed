/*
 * Memory and string functions that compilers and programs expect, with their usual meaning.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length_bytes);
void *memmove(void *to, const void *from, size_t length_bytes);
void *memset(void *to, int byte, size_t length_bytes);
int memcmp(const void *left, const void *right, size_t length_bytes);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t limit_bytes);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t limit_bytes);
char *strchr(const char *text, int character);
