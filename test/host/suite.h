/*
 * The framework of host tests. A test program is one file with a SUITE (test/lib/test.h); main.c runs it. One that
 * takes arguments has a main of its own, which calls suite_run.
 */
#pragma once

#include <stdio.h>

#include "test/lib/test.h"

/* Run the cases. main returns the result: 0 = all passed. */
int suite_run(const struct test_case *cases, uint32_t count);
