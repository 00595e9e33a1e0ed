/*
 * Cases and checks, for all suites in C: test/host/suite.h (unit tests), test/guest/lib/suite.h (system calls) and
 * test/process/suite.h (the protocol `process`) say what else a suite has.
 *
 *     static void adds_up(void) { CHECK_EQUAL(sum(1, 1), 2); }
 *     SUITE(CASE(adds_up), ...);
 *
 * A failed check is reported with its place and the case goes on, so it must not rely on what it has just checked.
 * Results and reports are TAP.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "libsys/text/format.h"

struct test_case {
    const char *name;
    void (*run)(void);
    uint64_t needs; /* operations of the server under test; in test/process/ only */
};

/* The one suite of a program. */
struct suite {
    const struct test_case *cases;
    uint32_t case_count;
};
extern const struct suite suite;

#define CASE(name) \
    { #name, name, 0 }
#define SUITE(...)                                               \
    static const struct test_case suite_cases[] = {__VA_ARGS__}; \
    const struct suite suite = {suite_cases, sizeof suite_cases / sizeof suite_cases[0]}

/* Fail the case if `condition` is false. The value of each macro is whether the check passed. */
#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(actual, expected) \
    test_check_equal((uint64_t)(actual), (uint64_t)(expected), __FILE__, __LINE__, #actual " == " #expected)
#define CHECK_TEXT(actual, expected) test_check_text((actual), (expected), __FILE__, __LINE__, #actual)

bool test_check(bool passed, const char *file, int line, const char *text);
bool test_check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *text);
bool test_check_text(const char *actual, const char *expected, const char *file, int line, const char *text);

/* Fail the case for this reason. Only the first 20 reasons of a case are printed. */
FORMAT_LIKE(1, 2) void test_fail(const char *format, ...);
/* A remark; it does not fail the case. */
FORMAT_LIKE(1, 2) void test_note(const char *format, ...);
/* Has the current case failed already? */
bool test_has_failed(void);
/* Name the current row of a table loop, or the child that runs this. Reports end with this name until the case ends, or
 * NULL is given. */
void test_row(const char *name);

/* ---- for suites: around each case ---- */

void test_begin(void);
/* Print the result. Returns whether the case passed. */
bool test_end(uint32_t number, const char *name);
FORMAT_LIKE(1, 2) void test_print(const char *format, ...);

/* Each suite has its own: send this text where TAP goes. */
FORMAT_LIKE(1, 0) void test_put(const char *format, va_list arguments);
