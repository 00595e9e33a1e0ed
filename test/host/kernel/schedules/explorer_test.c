/*
 * Does the explorer find mistakes, and only those? Small programs, some with a mistake. Each scheduler has to find each
 * mistake within the number of schedules that the program names.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/arch.h"
#include "kernel/base/assert.h"
#include "test/host/kernel/schedules/explore.h"
#include "test/host/kernel/schedules/toys.h"
#include "test/host/suite.h"

#define RIGHT_SCHEDULES 20000U

void arch_relax(void) { explore_relax(); }
_Noreturn void panic(const char *text) { explore_fail("panic: %s", text); }

static uint64_t calm_steps(const struct toy *toy) { return explore_run(&toy->program, EXPLORE_CALM, 0, 0).steps; }

static void finds(const struct toy *toy, enum explore_scheduler scheduler) {
    uint64_t steps = strncmp(toy->mistake, "no end", 6) == 0 ? 100 : calm_steps(toy), seed = 1;
    struct explore_result result = {0};
    while (seed <= toy->within && result.failure == NULL)
        result = explore_run(&toy->program, scheduler, seed++, steps);
    if (!CHECK(result.failure != NULL) || !CHECK(strncmp(result.failure, toy->mistake, strlen(toy->mistake)) == 0))
        printf("# %s, %s: %s\n", toy->name, explore_scheduler_names[scheduler], result.failure);
    else
        printf("# %s, %s: after %llu schedules\n", toy->name, explore_scheduler_names[scheduler],
               (unsigned long long)seed - 1);
}

static void explorer_finds_each_mistake(void) {
    for (uint32_t i = 0; i < toy_count; i++) {
        for (uint32_t s = EXPLORE_PCT; s < EXPLORE_SCHEDULERS && toys[i].mistake != NULL; s++)
            finds(&toys[i], (enum explore_scheduler)s);
    }
}

static void explorer_finds_nothing_where_nothing_is(void) {
    for (uint32_t i = 0; i < toy_count; i++) {
        uint64_t steps = toys[i].mistake == NULL ? calm_steps(&toys[i]) : 0;
        for (uint64_t seed = 0; seed < RIGHT_SCHEDULES && toys[i].mistake == NULL; seed++) {
            enum explore_scheduler scheduler = seed % 2 == 0 ? EXPLORE_PCT : EXPLORE_RANDOM;
            struct explore_result result = explore_run(&toys[i].program, scheduler, seed, steps);
            if (!CHECK(result.failure == NULL)) {
                printf("# %s, seed %llu: %s\n", toys[i].name, (unsigned long long)seed, result.failure);
                (void)explore_show(&toys[i].program, scheduler, seed, steps);
                break;
            }
        }
    }
}

/* A seed gives the same schedule again, whatever ran in between. */
static void explorer_repeats_a_seed(void) {
    for (uint32_t i = 0; i < toy_count; i++) {
        static uint64_t steps[2][50], switches[2][50];
        for (uint32_t round = 0; round < 2; round++) {
            for (uint64_t seed = 0; seed < 50; seed++) {
                uint64_t at = round == 0 ? seed : 49 - seed;
                enum explore_scheduler scheduler = at % 2 == 0 ? EXPLORE_PCT : EXPLORE_RANDOM;
                struct explore_result result = explore_run(&toys[i].program, scheduler, at, 200);
                steps[round][at] = result.steps;
                switches[round][at] = result.switches;
            }
        }
        if (!CHECK(memcmp(steps[0], steps[1], sizeof steps[0]) == 0) ||
            !CHECK(memcmp(switches[0], switches[1], sizeof switches[0]) == 0))
            printf("# %s\n", toys[i].name);
    }
}

SUITE(CASE(explorer_finds_each_mistake), CASE(explorer_finds_nothing_where_nothing_is), CASE(explorer_repeats_a_seed));
