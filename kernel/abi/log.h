/*
 * The kernel's log in memory: a ring of bytes, in the frames of INIT_CAP_LOG. Byte number n, counted from power-on,
 * lies at index n % LOG_RING_BYTES, and `written` grows after it is stored. A reader reads `written`, copies bytes
 * below it, and reads `written` again. Of its copy, byte n is valid if written - n < LOG_RING_BYTES still holds.
 */
#pragma once

#include <stdint.h>

#define LOG_RING_BYTES 16384U
#define LOG_RING_PAGES 5U /* the rest after the bytes is zero */

struct log_ring {
    uint64_t written;
    char bytes[LOG_RING_BYTES];
};
_Static_assert(sizeof(struct log_ring) <= LOG_RING_PAGES * 4096U, "they have room for it");
