/*
 * The framework of host tests: named cases, CHECK, and TAP for Meson. A test program is one file:
 *
 *     static void adds_up(void) { CHECK(1 + 1 == 2); CHECK_EQUAL(sum(1, 1), 2); }
 *     int main(void) {
 *         static const struct check_case cases[] = {{"adds_up", adds_up}};
 *         return check_run(cases, sizeof(cases) / sizeof(cases[0]));
 *     }
 *
 * A failed check is reported with its place (the first 20 of a case) and the case goes on, so it must not rely on what
 * it has just checked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct check_case {
    const char *name;
    void (*run)(void);
};

#define CHECK_REPORTS_MAX 20U /* failed checks of one case that are printed */

static uint32_t check_failed_count; /* in the case that runs now */

/* Returns whether the check held. */
#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(seen, wanted) \
    check_equal((uint64_t)(seen), (uint64_t)(wanted), #seen " == " #wanted, __FILE__, __LINE__)

static inline bool check_that(bool holds, const char *condition, const char *file, int line) {
    if (!holds && check_failed_count++ < CHECK_REPORTS_MAX) {
        printf("# %s:%d: does not hold: %s\n", file, line, condition);
    }
    return holds;
}

static inline bool check_equal(uint64_t seen, uint64_t wanted, const char *condition, const char *file, int line) {
    bool holds = check_that(seen == wanted, condition, file, line);
    if (!holds && check_failed_count <= CHECK_REPORTS_MAX) {
        printf("#   seen 0x%llx, wanted 0x%llx\n", (unsigned long long)seen, (unsigned long long)wanted);
    }
    return holds;
}

/* Run all cases; main returns the result: 0 = all passed. */
static inline int check_run(const struct check_case *cases, size_t count) {
    size_t failed_case_count = 0;
    printf("TAP version 13\n1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        check_failed_count = 0;
        cases[i].run();
        printf("%s %zu - %s\n", check_failed_count == 0 ? "ok" : "not ok", i + 1, cases[i].name);
        fflush(stdout); /* so that results are known even if the next case ends the process */
        failed_case_count += check_failed_count == 0 ? 0 : 1;
    }
    return failed_case_count == 0 ? 0 : 1;
}

/* Pseudo-random numbers that are the same in every run (xorshift64*, Vigna 2016). */
static inline uint64_t check_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}
