/*
 * For suites in the shell's place, in the usual system.
 */
#pragma once

#include "test/lib/baseline.h"
#include "test/lib/test.h"

/*
 * Run a case, and fail it if more is in use after it than before. Something may be taken once and kept, such as a page
 * at its first access, which is no leak: so such a case runs again, up to three times, and fails if the use grows each
 * time. take: the figures to compare, whose names from BASELINE_OWN on are in own_names.
 */
void cases_run(const struct test_case *test, struct baseline (*take)(void), const char *const *own_names);

/* The results are printed: switch the machine off, with status 0 if all went well. */
_Noreturn void cases_end(bool all_well);
