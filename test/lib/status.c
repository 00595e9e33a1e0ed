#include "test/lib/status.h"

#include "libsys/wire/status_text.h"

bool test_check_status(uint64_t actual, uint64_t expected, const char *file, int line, const char *text) {
    if (actual != expected)
        test_fail("%s:%d: %s: is %s (%lu), want %s", file, line, text, status_name(actual), actual,
                  status_name(expected));
    return actual == expected;
}

bool test_check_value(struct result result, uint64_t value, const char *file, int line, const char *text) {
    if (result.status != OK)
        test_fail("%s:%d: %s: is %s, want OK", file, line, text, status_name(result.status));
    else if (result.value != value)
        test_fail("%s:%d: %s: the value is 0x%lx, want 0x%lx", file, line, text, result.value, value);
    return result.status == OK && result.value == value;
}
