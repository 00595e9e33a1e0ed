/*
 * Physical memory for tests of the loader: addresses 0 up to ARENA_BYTES. arena.c has phys_pointer (boot/phys.h), which
 * ends the test program when an address lies outside.
 */
#pragma once

#include <stdint.h>

#define ARENA_BYTES (32ULL << 20)

/* Fill all of it with a byte that is not 0, so that forgotten clearing shows. */
void arena_reset(void);
