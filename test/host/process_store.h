/*
 * Pages of the process server's own, for tests of its pure parts: a store from the heap, in place of
 * servers/process/pages/store.c.
 */
#pragma once

#include "servers/process/pages/store.h"

extern uint32_t test_store_left;  /* pages that can still be had: the test decides */
extern uint32_t test_store_taken; /* ... and that somebody has */
