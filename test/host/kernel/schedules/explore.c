/*
 * The schedulers, and a schedule from beginning to verdict.
 */
#include "test/host/kernel/schedules/explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "test/host/kernel/schedules/run.h"
#include "test/lib/random.h"

#define DEPTH_MAX 5U      /* for PCT: the most steps in a wrong order that a mistake takes */
#define STEPS_FACTOR 40U  /* a schedule has too many steps if it has this many times those of a calm one */
#define STEPS_MORE 10000U /* plus this many */
#define KEPT_REGISTERS 6U /* switch.S */
#define GUARD_BYTES 4096U
#define SWITCH_CHANCES 5U /* 1/4, 1/16, ... */

void coroutine_switch(void **ret_from, void *to);

const char *const explore_scheduler_names[EXPLORE_SCHEDULERS] = {"calm", "pct", "random"};

struct run run;

/* The scheduler's state in this schedule. */
static struct {
    const struct explore_program *program;
    enum explore_scheduler scheduler;
    uint64_t random; /* state of the generator */
    uint64_t limit;  /* steps */
    uint64_t switches;
    uint64_t changes[DEPTH_MAX]; /* PCT: the steps at which a CPU loses its priority, ascending; then UINT64_MAX */
    uint32_t change;             /* the next of them */
    uint32_t calmness;           /* random: 1 step in 2^calmness is a chance to switch */
    void *main;                  /* the stack pointer of explore_run() */
    char failure[256];           /* empty: none */
} plan;

static uint64_t draw(uint64_t limit) {
    return (uint64_t)(((unsigned __int128)random_step(&plan.random) * limit) >> 64);
}

static uint64_t draw_next(void) {
    uint64_t next = plan.limit;
    if (plan.scheduler == EXPLORE_PCT && plan.changes[plan.change] < next)
        next = plan.changes[plan.change];
    if (plan.scheduler == EXPLORE_RANDOM) {
        uint64_t ahead = 1 + draw(2ULL << plan.calmness);
        if (run.step + ahead < next)
            next = run.step + ahead;
    }
    return next;
}

/* Choose one of the CPUs that can go on. */
static uint32_t pick(void) {
    uint32_t picked = run.current;
    switch (plan.scheduler) {
    case EXPLORE_CALM:
        if ((run.ready >> picked & 1) == 0)
            picked = (uint32_t)__builtin_ctz(run.ready);
        break;
    case EXPLORE_PCT:
        picked = (uint32_t)__builtin_ctz(run.ready);
        for (uint32_t i = picked + 1; i < run.cpu_count; i++) {
            if ((run.ready >> i & 1) != 0 && run.cpus[i].priority > run.cpus[picked].priority)
                picked = i;
        }
        break;
    case EXPLORE_RANDOM: {
        uint32_t left = run.ready;
        for (uint64_t passed = draw((uint64_t)__builtin_popcount(left)); passed > 0; passed--)
            left &= left - 1;
        picked = (uint32_t)__builtin_ctz(left);
        break;
    }
    case EXPLORE_SCHEDULERS:
        break;
    }
    return picked;
}

_Noreturn static void end(void) {
    void *unused;
    run.active = false;
    coroutine_switch(&unused, plan.main);
    abort(); /* no CPU returns to a schedule that is over */
}

_Noreturn void explore_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(plan.failure, sizeof plan.failure, format, arguments);
    va_end(arguments);
    end();
}

_Noreturn void run_undo_full(void) { explore_fail("more than %u words written", UNDO_WORDS); }

/* No CPU can go on. */
static void nobody(void) {
    if (run.relaxed != 0)
        explore_fail("deadlock: CPUs 0x%x wait in a loop, and no other can go on", run.relaxed);
    while (run.ready == 0 && plan.program->idle != NULL && plan.program->idle())
        ;
    if (run.ready == 0)
        end();
}

static void go_on(void *where) {
    if (run.ready == 0)
        nobody();
    uint32_t from = run.current, to = pick();
    run.next = draw_next();
    if (to == from)
        return;
    plan.switches++;
    if (run.shows)
        run_show(to, where);
    run.current = to;
    coroutine_switch(&run.cpus[from].stack_pointer, run.cpus[to].stack_pointer);
}

void run_decide(void *where) {
    if (run.step >= plan.limit)
        explore_fail("no end after %llu steps", (unsigned long long)run.step);
    if (plan.scheduler == EXPLORE_PCT && run.step >= plan.changes[plan.change])
        run.cpus[run.current].priority = DEPTH_MAX - plan.change++; /* below all initial priorities */
    go_on(where);
}

void run_wake_readers(uint32_t readers) {
    run.stale |= readers;
    if ((readers & run.relaxed) == 0)
        return;
    run.ready |= readers & run.relaxed;
    run.relaxed &= ~readers;
    if (plan.scheduler == EXPLORE_PCT)
        run.next = run.step; /* one of the woken may have the highest priority */
}

void run_guard(uintptr_t address, bool is_store, void *where) {
    if (plan.program->unlocked(run.current, address, is_store))
        return;
    if (run.shows)
        run_show(run.current, where);
    explore_fail("CPU %u %s %p without the lock, at %p", run.current, is_store ? "writes" : "reads", (void *)address,
                 where);
}

uint32_t explore_cpu(void) { return run.current; }

bool explore_is_active(void) { return run.active; }

void explore_step(void) {
    if (run.active && ++run.step >= run.next)
        run_decide(__builtin_return_address(0));
}

void explore_relax(void) {
    run.step++;
    uint32_t bit = 1U << run.current;
    bool is_stale = (run.stale & bit) != 0;
    if (!is_stale) {
        run.ready &= ~bit;
        run.relaxed |= bit;
        go_on(__builtin_return_address(0));
    }
    run.stale &= ~bit;
    run.cpus[run.current].read = 0;
}

void explore_idle(void) {
    run.step++;
    run.ready &= ~(1U << run.current);
    run.idle |= 1U << run.current;
    go_on(__builtin_return_address(0));
}

void explore_wake(uint32_t cpu) {
    if ((run.idle >> cpu & 1) == 0)
        return;
    run.idle &= ~(1U << cpu);
    run.ready |= 1U << cpu;
    if (plan.scheduler == EXPLORE_PCT)
        run.next = run.step;
}

void explore_outside(bool entered) { run.cpus[run.current].outside = entered; }

/* A word written twice counts twice. So different ends have different values, and a few equal ones do, too. */
uint64_t explore_end(void) {
    uint64_t sum = 0;
    for (const struct undo *at = run.undo; at < run.undo_end; at++)
        sum += ((uintptr_t)at->word ^ *at->word * 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
    return sum;
}

/* ---- a schedule ---- */

static void cpu_main(void) {
    plan.program->cpu(run.current);
    run.ready &= ~(1U << run.current);
    go_on(NULL);
    abort();
}

static void make_stacks(void) {
    static _Alignas(GUARD_BYTES) char stacks[EXPLORE_CPUS_MAX * STACK_BYTES];
    run.stacks = (uintptr_t)stacks;
    for (uint32_t i = 0; i < EXPLORE_CPUS_MAX; i++) {
        if (mprotect(stacks + (size_t)i * STACK_BYTES, GUARD_BYTES, PROT_NONE) != 0) /* an overflow is a crash */
            abort();
    }
}

/* Prepare a CPU for the first switch to it: it starts cpu_main with an aligned stack. */
static void make_cpu(uint32_t index) {
    void **top = (void **)(run.stacks + (index + 1) * (uintptr_t)STACK_BYTES);
    *--top = NULL; /* no return address */
    *--top = (void *)(uintptr_t)cpu_main;
    run.cpus[index] = (struct run_cpu){.stack_pointer = top - KEPT_REGISTERS};
}

/* Draw distinct initial priorities, above those given at change points, and change points anywhere in a
 * schedule of this length. */
static void plan_pct(uint64_t steps) {
    uint32_t depth = 1 + (uint32_t)draw(DEPTH_MAX);
    for (uint32_t i = 0; i < run.cpu_count; i++) {
        uint32_t place = (uint32_t)draw(i + 1);
        run.cpus[i].priority = run.cpus[place].priority;
        run.cpus[place].priority = DEPTH_MAX + 1 + i;
    }
    for (uint32_t i = 0; i < DEPTH_MAX; i++)
        plan.changes[i] = UINT64_MAX;
    for (uint32_t count = 0; count + 1 < depth; count++) {
        uint64_t step = 1 + draw(steps + steps / 4);
        uint32_t place = count;
        for (; place > 0 && plan.changes[place - 1] > step; place--)
            plan.changes[place] = plan.changes[place - 1];
        plan.changes[place] = step;
    }
}

static void begin(const struct explore_program *program, enum explore_scheduler scheduler, uint64_t seed,
                  uint64_t steps) {
    if (run.stacks == 0)
        make_stacks();
    plan.program = program;
    plan.scheduler = scheduler;
    plan.random = (seed + 1) * 0x9e3779b97f4a7c15ULL;
    plan.limit = steps == 0 ? UINT32_MAX : steps * STEPS_FACTOR + STEPS_MORE;
    plan.switches = 0;
    plan.change = 0;
    plan.failure[0] = 0;
    plan.calmness = 2 + 2 * (uint32_t)draw(SWITCH_CHANCES);
    run.cpu_count = program->cpu_count;
    run.step = 0;
    run.ready = (1U << run.cpu_count) - 1;
    run.relaxed = run.stale = run.idle = 0;
    run.undo_end = run.undo;
    run.lock = (uintptr_t)program->lock;
    run.guarded = program->unlocked != NULL;
    for (uint32_t i = 0; i < run.cpu_count; i++)
        make_cpu(i);
    if (scheduler == EXPLORE_PCT)
        plan_pct(steps);
    if (program->begin != NULL)
        program->begin();
}

static void undo(void) {
    while (run.undo_end > run.undo) {
        run.undo_end--;
        *run.undo_end->word = run.undo_end->was;
    }
}

struct explore_result explore_run(const struct explore_program *program, enum explore_scheduler scheduler,
                                  uint64_t seed, uint64_t steps) {
    begin(program, scheduler, seed, steps);
    run.current = scheduler == EXPLORE_CALM ? 0 : (uint32_t)draw(run.cpu_count);
    run.current = pick();
    run.next = draw_next();
    run.active = true;
    coroutine_switch(&plan.main, run.cpus[run.current].stack_pointer);
    const char *failure = plan.failure[0] != 0 ? plan.failure : NULL;
    if (failure == NULL && program->verdict != NULL)
        failure = program->verdict();
    undo();
    run.current = 0;
    return (struct explore_result){.failure = failure, .steps = run.step, .switches = plan.switches};
}
