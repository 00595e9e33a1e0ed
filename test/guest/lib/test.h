/*
 * A guest suite: cases in a table, checks that report and go on, results as TAP on port 0xe8.
 *
 *     static void cap_delete_empties_a_slot(void) {
 *         cap_t slot = world_create(OBJECT_ENDPOINT, 0);
 *         CHECK_STATUS(sys_cap_delete(0, slot), OK);
 *     }
 *     SUITE(CASE(cap_delete_empties_a_slot), ...);
 *
 * A case's name begins with the system call it tests. Around each case the framework makes and destroys a scratch pool
 * (world.h), and the case fails if afterwards one frame, one capability or one byte of kernel memory is not what it
 * was, or if an invariant of the kernel's is broken. Another thread watches (guard.c): a case that faults or hangs ends
 * the suite with its name. Checks are for the main thread; workers (worker.h) leave results for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/status.h"
#include "libsys/format.h"

struct test_case {
    const char *name;
    void (*run)(void);
};

struct suite {
    const struct test_case *cases;
    uint32_t case_count;
};

/* The one suite of a program; lib/test.c runs it. */
extern const struct suite suite;

#define CASE(name) \
    { #name, name }
#define SUITE(...)                                               \
    static const struct test_case suite_cases[] = {__VA_ARGS__}; \
    const struct suite suite = {suite_cases, sizeof(suite_cases) / sizeof(suite_cases[0])}

/* The time limit of a case, unless the command line's word limit_ms=N or the case sets another. */
#define TEST_LIMIT_MS 10000U
#define TEST_STAY_LIMIT 10000U /* instructions: a program may get an interrupt this much after its device raised it */
uint64_t test_limit_default_ns(void);

/* From now on, this case may take so long. */
void test_limit_ms(uint64_t limit_ms);

/* Fail the case if `condition` is false. The value of each macro is whether the check passed. */
#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(actual, expected) \
    test_check_equal((uint64_t)(actual), (uint64_t)(expected), __FILE__, __LINE__, #actual " == " #expected)

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

bool test_check(bool passed, const char *file, int line, const char *text);
bool test_check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *text);
bool test_check_status(uint64_t actual, uint64_t expected, const char *file, int line, const char *text);
bool test_check_value(struct result result, uint64_t value, const char *file, int line, const char *text);

/* Fail the case with this reason. */
FORMAT_LIKE(1, 2) void test_fail(const char *format, ...);
/* A remark; it does not fail the case. */
FORMAT_LIKE(1, 2) void test_note(const char *format, ...);
/* Has the current case failed already? For cases that run long. */
bool test_has_failed(void);
/* Name the current row of a table loop. Failures are reported with this name until the case ends, or NULL is given. */
void test_row(const char *name);

/* Is the kernel built with its checks? */
bool test_checks_built(void);

/* For guard.c: fail the current case for this reason, and power the machine off. */
_Noreturn void test_bail_out(const char *reason);
