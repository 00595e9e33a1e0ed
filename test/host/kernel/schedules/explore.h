/*
 * A schedule explorer: a program of a few CPUs, run again and again, each time in another order of its steps.
 *
 *   CPU 0   CPU 1   CPU 2     coroutines on one thread of the host, each with a stack of its own (switch.S)
 *      \      |      /
 *     loads and stores        compiled with -fsanitize=thread, so that each calls a function before it is done:
 *             |               __tsan_read8() and so on. There is no sanitizer: the functions are in hooks.c
 *             v
 *        run_step()           a step (run.h). Now and then another CPU goes on from here (explore.c)
 *
 * The seed alone decides which CPU goes on, so a seed is a schedule. There are three schedulers:
 *
 *   pct      runs the CPU with the highest priority. Priorities are random, and at up to four steps drawn beforehand
 *            the running CPU gets the lowest. Finds a mistake of depth d (d steps in the wrong order) in n CPUs and k
 *            steps with a probability of at least 1 / (n * k^(d - 1)). After Burckhardt and others, "A Randomized
 *            Scheduler with Probabilistic Guarantees of Finding Bugs", 2010
 *   random   switches at each step, with a probability drawn for each schedule, to any CPU that can go on
 *   calm     runs a CPU until it has to wait: a single schedule, which gives an estimate of the others' length
 *
 * A CPU that waits for another in a loop (explore_relax) goes on once another CPU has written something that it has
 * read since its last turn. So no schedule is spent on waiting, and if no CPU can go on, that is a deadlock. Each store
 * saves the old value, and after each schedule all memory is restored.
 *
 * Memory is sequentially consistent here: reorderings by store buffers are not explored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORE_CPUS_MAX 4U

enum explore_scheduler { EXPLORE_CALM, EXPLORE_PCT, EXPLORE_RANDOM, EXPLORE_SCHEDULERS };
extern const char *const explore_scheduler_names[EXPLORE_SCHEDULERS];

struct explore_program {
    uint32_t cpu_count;
    void (*begin)(void);         /* before each schedule: set state that is not memory written by steps */
    void (*cpu)(uint32_t index); /* what a CPU does */
    /* Called when all wait in explore_idle(). True: it has done something that lets one go on. NULL: never. */
    bool (*idle)(void);
    /* May a CPU that does not hold `lock` make this load or store? NULL: yes. Not called between
     * explore_outside(true) and (false). */
    bool (*unlocked)(uint32_t cpu, uintptr_t address, bool is_store);
    const struct ticket_lock *lock;
    const char *(*verdict)(void); /* at the end: NULL, or what is wrong */
};

struct explore_result {
    const char *failure; /* NULL: all is well */
    uint64_t steps, switches;
};

/* Run one schedule. `steps`: its estimated length, from a calm one. */
struct explore_result explore_run(const struct explore_program *program, enum explore_scheduler scheduler,
                                  uint64_t seed, uint64_t steps);
/* Run one schedule and print the last switches: the step, from which CPU to which, and the line at
 * which the first one stopped. */
struct explore_result explore_show(const struct explore_program *program, enum explore_scheduler scheduler,
                                   uint64_t seed, uint64_t steps);

/* ---- for code on the CPUs ---- */
uint32_t explore_cpu(void);   /* the one that runs */
bool explore_is_active(void); /* does one? */
/* End the schedule here, as a failure. The text is formatted as by printf. */
_Noreturn void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void explore_step(void);         /* a step that is neither load nor store */
void explore_relax(void);        /* a turn of a loop that waits for another CPU */
void explore_idle(void);         /* wait until explore_wake; may return earlier */
void explore_wake(uint32_t cpu); /* end its explore_idle, if it is in one */
/* this CPU enters or leaves code where `unlocked` is not called, such as user mode */
void explore_outside(bool entered);
uint64_t explore_end(void); /* for a verdict: a hash of all memory; equal values mean, almost certainly, equal memory */
