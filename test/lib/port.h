/*
 * For suites that run in the machine: TAP on port 0xe8.
 */
#pragma once

#include "kernel/abi/syscall.h"

/* Print through this Ports capability from now on. */
void test_print_to(cap_t ports);
