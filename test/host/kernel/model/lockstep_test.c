/*
 * Does the kernel do what its reference pages say, whatever its callers do? Several threads make random calls, to the
 * kernel and to the model; after each, all visible state must be equal. Each episode begins with a fresh machine and
 * ends with everything deleted, and nothing may leak.
 *
 *   lockstep_test [--seed N] [--steps M] [--theme all|caps|ipc|memory|death]
 *
 * A difference prints the seed, the step and the last calls. The same seed and theme reproduce it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/base/ledger.h"
#include "kernel/ipc/irq.h"
#include "test/host/kernel/machine.h"
#include "test/host/kernel/model/generate.h"
#include "test/host/kernel/model/lockstep.h"
#include "test/host/kernel/model/model.h"
#include "test/host/suite.h"

#define EPISODE_STEPS 3000U
#define OUTCOMES_STEPS 40000U
#define OUTCOMES_MIN 100U /* different pairs of call and status */

static const char *const theme_names[THEMES] = {"all", "caps", "ipc", "memory", "death"};
static enum generate_theme theme;
static uint64_t first_seed = 1, step_limit = 20000;

static struct { uint64_t seed, caps, used_bytes, mapped, kernel; } before;

static void say_where(void) {
    printf("# --theme %s --seed %llu: step %llu of this seed\n", theme_names[theme], (unsigned long long)before.seed,
           (unsigned long long)lockstep.step);
    lockstep_print_history();
}

/* Sanitizers and the kernel print their own errors on stderr; this prints how to reproduce the failure. */
static void say_where_on_abort(int number) {
    signal(number, SIG_DFL);
    say_where();
}

static bool play(uint64_t seed) {
    lockstep_start(seed);
    struct lockstep_call make = {.number = SYS_object_create,
                                 .a = {MACHINE_CAP_POOL, OBJECT_NOTIFICATION, 0, LOCKSTEP_CAP_SIGNAL}};
    before.seed = seed;
    bool same = lockstep.failure == NULL && lockstep_make_call(&make);
    before.caps = cap_count;
    before.used_bytes = machine.pool->used_bytes;
    before.mapped = ledger.mapped_count;
    before.kernel = ledger.kernel_count;
    while (same && lockstep.step < EPISODE_STEPS)
        same = generate_turn(theme);
    same = same && generate_end();
    if (!same) {
        printf("# kernel and model differ: %s\n", lockstep.failure);
        say_where();
    }
    return same;
}

static void kernel_and_model_agree(void) {
    uint64_t steps = 0;
    for (uint64_t seed = first_seed; steps < step_limit; seed++) {
        if (!CHECK(play(seed)))
            return;
        steps += lockstep.step;
        bool clean = CHECK_EQUAL(cap_count, before.caps) && CHECK_EQUAL(machine.pool->used_bytes, before.used_bytes) &&
                     CHECK_EQUAL(ledger.mapped_count, before.mapped) &&
                     CHECK_EQUAL(ledger.kernel_count, before.kernel) && CHECK_EQUAL(irq_bound_count(), 0);
        if (!clean) {
            say_where();
            return;
        }
    }
    if (step_limit >= OUTCOMES_STEPS)
        CHECK(lockstep_print_outcomes() >= OUTCOMES_MIN); /* fewer would mean that the calls are not random enough */
    printf("# %llu steps from seed %llu on\n", (unsigned long long)steps, (unsigned long long)first_seed);
}

static bool read_arguments(int count, char **arguments) {
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(arguments[i], "--seed") == 0)
            first_seed = strtoull(arguments[i + 1], NULL, 0);
        else if (strcmp(arguments[i], "--steps") == 0)
            step_limit = strtoull(arguments[i + 1], NULL, 0);
        else if (strcmp(arguments[i], "--theme") == 0) {
            for (theme = 0; theme < THEMES && strcmp(arguments[i + 1], theme_names[theme]) != 0;)
                theme++;
        } else
            return false;
    }
    return count % 2 == 1 && theme < THEMES;
}

int main(int count, char **arguments) {
    static char name[64];
    static const struct test_case cases[] = {{name, kernel_and_model_agree, 0}};
    if (!read_arguments(count, arguments)) {
        fprintf(stderr, "lockstep_test [--seed N] [--steps M] [--theme all|caps|ipc|memory|death]\n");
        return 2;
    }
    snprintf(name, sizeof name, "kernel_and_model_agree_%s", theme_names[theme]);
    signal(SIGABRT, say_where_on_abort);
    return suite_run(cases, 1);
}
