/*
 * Pages of the process server's own, for tests of its pure parts: an allocator over the heap, in place of
 * servers/process/pages/page_allocator.c.
 */
#pragma once

#include "servers/process/pages/page_allocator.h"

extern uint32_t test_pages_left;  /* pages that can still be had: the test decides */
extern uint32_t test_pages_taken; /* ... and that somebody has */
