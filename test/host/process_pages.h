/*
 * Pages of the process server's own, for tests of its pure parts: an allocator over the heap, in place of
 * servers/process/pages/page_allocator.c.
 */
#pragma once

#include <stdbool.h>

#include "servers/process/pages/page_allocator.h"

#define TEST_PAGES_GIVEN_MAX 16384U

extern uint32_t test_pages_left;  /* pages that can still be had: the test decides */
extern uint32_t test_pages_taken; /* ... and that somebody has */

/*
 * Pages that are given back keep their content until test_pages_settle(), as those of a server whose change may still
 * be undone. Without it they are freed at once, so that the sanitizer notices their use.
 */
extern bool test_pages_are_kept;
void test_pages_settle(void);

/* In place of a program that has died: all pages that page_allocator_hold() does not name until the count are freed. */
void test_pages_forget(void);
void test_pages_count(void);
