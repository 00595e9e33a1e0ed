#include "test/lib/test.h"

#include "libsys/text/string.h"

#define REASONS_MAX 20U /* why a case failed, that are printed */

static const char *row;
static uint32_t failed_count; /* checks of the current case */

void test_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    test_put(format, arguments);
    va_end(arguments);
}

FORMAT_LIKE(1, 0) static void report(const char *format, va_list arguments) {
    test_print("# ");
    test_put(format, arguments);
    if (row != NULL)
        test_print(" [%s]", row);
    test_print("\n");
}

void test_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (failed_count++ < REASONS_MAX)
        report(format, arguments);
    va_end(arguments);
}

void test_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    report(format, arguments);
    va_end(arguments);
}

bool test_has_failed(void) { return failed_count > 0; }

void test_row(const char *name) { row = name; }

bool test_check(bool passed, const char *file, int line, const char *text) {
    if (!passed)
        test_fail("%s:%d: %s", file, line, text);
    return passed;
}

bool test_check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *text) {
    if (actual != expected)
        test_fail("%s:%d: %s: is 0x%lx, want 0x%lx", file, line, text, actual, expected);
    return actual == expected;
}

bool test_check_text(const char *actual, const char *expected, const char *file, int line, const char *text) {
    bool same = actual != NULL && strcmp(actual, expected) == 0;
    if (!same)
        test_fail("%s:%d: %s: is `%s`, want `%s`", file, line, text, actual == NULL ? "(nothing)" : actual, expected);
    return same;
}

void test_begin(void) {
    failed_count = 0;
    row = NULL;
}

bool test_end(uint32_t number, const char *name) {
    if (failed_count > REASONS_MAX)
        test_print("# %u checks failed; the first %u are above\n", failed_count, REASONS_MAX);
    test_print("%s %u - %s\n", failed_count > 0 ? "not ok" : "ok", number, name);
    return failed_count == 0;
}
