/*
 * Checks of statuses, of the kernel and of servers, for suites that run in the machine.
 */
#pragma once

#include "kernel/abi/status.h"
#include "test/lib/test.h"

/* `outcome` is a struct result, or the status that a message call returns. */
#define CHECK_STATUS(outcome, expected)                       \
    test_check_status(_Generic((outcome), struct result       \
                               : test_result_status, default  \
                               : test_plain_status)(outcome), \
                      (expected), __FILE__, __LINE__, #outcome)
/* ... and its value. */
#define CHECK_VALUE(outcome, value) test_check_value((outcome), (uint64_t)(value), __FILE__, __LINE__, #outcome)

static inline uint64_t test_result_status(struct result result) { return result.status; }
static inline uint64_t test_plain_status(uint64_t status) { return status; }

bool test_check_status(uint64_t actual, uint64_t expected, const char *file, int line, const char *text);
bool test_check_value(struct result result, uint64_t value, const char *file, int line, const char *text);
