#include "test/host/suite.h"

void test_put(const char *format, va_list arguments) { vprintf(format, arguments); }

int suite_run(const struct test_case *cases, uint32_t count) {
    bool all_passed = true;
    printf("TAP version 13\n1..%u\n", count);
    for (uint32_t i = 0; i < count; i++) {
        test_begin();
        cases[i].run();
        all_passed = test_end(i + 1, cases[i].name) && all_passed;
        fflush(stdout); /* so that results are known even if the next case ends the process */
    }
    return all_passed ? 0 : 1;
}
