/*
 * Small arithmetic that many need: the smaller and the larger of two numbers, whole pages, and units of time. Pure.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/syscall.h"

#define NS_PER_MS 1000000UL
#define NS_PER_S 1000000000UL

static inline uint64_t smaller(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* The page that an address or offset is in, and the first page boundary that is not below it. */
static inline uint64_t page_down(uint64_t at) { return at & ~(PAGE_BYTES - 1); }
static inline uint64_t page_up(uint64_t at) { return page_down(at + PAGE_BYTES - 1); }

/* How many pages so many bytes need. */
static inline uint64_t pages_for(uint64_t bytes) { return (bytes + PAGE_BYTES - 1) / PAGE_BYTES; }
