/*
 * Is the kernel right in whatever order its CPUs take their steps? Runs each scenario in many
 * schedules of both schedulers.
 *
 *   schedules_test [--scenario NAME] [--scheduler pct|random] [--seed N] [--schedules M]
 *   schedules_test --drill NAME --within M [--seed N]
 *
 * Runs M schedules of each scenario and scheduler, from seed N on. A failure prints the command line that reproduces
 * it, and the last switches before it. A drill is a kernel with a planted mistake: each scheduler has to find it in the
 * scenario of that name, within M schedules.
 */
#define _XOPEN_SOURCE 700
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/host/kernel/schedules/scenarios.h"
#include "test/host/suite.h"

#define CASES_MAX 128U
#define SEED_NONE UINT64_MAX

static struct {
    const char *program, *scenario, *scheduler, *drill;
    uint64_t seed, schedules, within;
} asked = {.seed = 1, .schedules = 12500};

static struct {
    const struct scenario *scenario;
    enum explore_scheduler scheduler;
} planned[CASES_MAX];
static uint32_t planned_count, planned_next;

static uint64_t schedules_total, steps_total;

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time); /* CPU time, as others may use the machine, too */
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Signal handler: a wild pointer in the kernel, or a trap, is the schedule's failure. Its CPU's
 * stack is never used again. */
static void crashed(int number) {
    if (!explore_is_active())
        _Exit(1);
    explore_fail("CPU %u crashes: %s", explore_cpu(), number == SIGSEGV ? "no memory there" : "a trap");
}

static void catch_crashes(void) {
    static char stack[65536];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER};
    const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

/* The seed of the first failure; SEED_NONE: there was none. */
static uint64_t explore(const struct scenario *scenario, enum explore_scheduler scheduler, uint64_t count,
                        const char **ret_failure) {
    const struct explore_program *program = world_make(scenario);
    uint64_t memory = world_digest();
    struct explore_result result = explore_run(program, EXPLORE_CALM, 0, 0);
    uint64_t calm_steps = result.steps, seed = asked.seed;
    for (uint64_t end = seed + count; seed < end && result.failure == NULL; seed++) {
        result = explore_run(program, scheduler, seed, calm_steps);
        schedules_total++;
        steps_total += result.steps;
    }
    CHECK_EQUAL(world_digest(), memory); /* otherwise a seed would not determine a schedule */
    *ret_failure = result.failure;
    if (result.failure == NULL)
        return SEED_NONE;
    seed -= seed > asked.seed; /* the calm schedule, which runs before each, has failed already */
    if (asked.drill == NULL) {
        printf("# %s\n# reproduce: %s --scenario %s --scheduler %s --seed %" PRIu64 " --schedules 1\n", result.failure,
               asked.program, scenario->name, explore_scheduler_names[scheduler], seed);
        (void)explore_show(program, scheduler, seed, calm_steps);
    }
    return seed;
}

static void run_next(void) {
    uint32_t i = planned_next++;
    const char *failure;
    CHECK_EQUAL(explore(planned[i].scenario, planned[i].scheduler, asked.schedules, &failure), SEED_NONE);
}

static void drill_next(void) {
    uint32_t i = planned_next++;
    const char *failure;
    uint64_t seed = explore(planned[i].scenario, planned[i].scheduler, asked.within, &failure);
    if (CHECK(seed != SEED_NONE))
        printf("# %s: after %" PRIu64 " schedules: %s\n", explore_scheduler_names[planned[i].scheduler],
               seed - asked.seed + 1, failure);
}

static void plan_list(const struct scenario_list *list) {
    for (uint32_t i = 0; i < list->count; i++) {
        if (asked.scenario != NULL && strcmp(asked.scenario, list->scenarios[i].name) != 0)
            continue;
        for (uint32_t s = EXPLORE_PCT; s < EXPLORE_SCHEDULERS && planned_count < CASES_MAX; s++) {
            if (asked.scheduler != NULL && strcmp(asked.scheduler, explore_scheduler_names[s]) != 0)
                continue;
            planned[planned_count].scenario = &list->scenarios[i];
            planned[planned_count++].scheduler = (enum explore_scheduler)s;
        }
    }
}

static bool read_arguments(int count, char **arguments) {
    asked.program = arguments[0];
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i], *value = arguments[i + 1];
        if (strcmp(name, "--scenario") == 0)
            asked.scenario = value;
        else if (strcmp(name, "--scheduler") == 0)
            asked.scheduler = value;
        else if (strcmp(name, "--seed") == 0)
            asked.seed = strtoull(value, NULL, 0);
        else if (strcmp(name, "--schedules") == 0)
            asked.schedules = strtoull(value, NULL, 0);
        else if (strcmp(name, "--drill") == 0)
            asked.scenario = asked.drill = value;
        else if (strcmp(name, "--within") == 0)
            asked.within = strtoull(value, NULL, 0);
        else
            return false;
    }
    plan_list(&scenarios_messages);
    plan_list(&scenarios_threads);
    plan_list(&scenarios_memory);
    return count % 2 == 1 && planned_count > 0;
}

int main(int count, char **arguments) {
    static struct test_case cases[CASES_MAX];
    static char names[CASES_MAX][64];
    if (!read_arguments(count, arguments)) {
        fprintf(stderr, "schedules_test [--scenario NAME] [--scheduler pct|random] [--seed N] [--schedules M]\n");
        return 2;
    }
    catch_crashes();
    for (uint32_t i = 0; i < planned_count; i++) {
        snprintf(names[i], sizeof names[i], "schedules_%s_%s", planned[i].scenario->name,
                 explore_scheduler_names[planned[i].scheduler]);
        cases[i] = (struct test_case){.name = names[i], .run = asked.drill != NULL ? drill_next : run_next};
    }
    double start = seconds();
    int result = suite_run(cases, planned_count);
    double took = seconds() - start;
    printf("# %" PRIu64 " schedules, %.0f a second of CPU time, %.0f steps each\n", schedules_total,
           (double)schedules_total / took, (double)steps_total / (double)schedules_total);
    return result;
}
