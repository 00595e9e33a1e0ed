/*
 * Does the loader measure the rates of the CPU's clocks by any clock that runs, and report each one that does not?
 * The clocks here are functions of one time, which advances a little with each reading. They stand still, stop, jump
 * or lie as the case demands.
 */
#include <string.h>

#include "boot/calibrate.h"
#include "test/host/suite.h"

#define PS_PER_SECOND 1000000000000ULL
#define TSC_HZ 2500000000ULL
#define APIC_HZ 1000000000ULL
#define LOOK_PS 400000U /* a look at a clock: 0.4 us */
#define SLOW_LOOK_PS 2000000U
#define A_WHILE 6000U       /* looks: some windows of a measurement */
#define LOOKS_MAX 10000000U /* for all that one boot does */

enum mood { RUNS, MISSING, STANDS, STOPS, JUMPS_ONCE, JUMPS_A_WHILE, JUMPS, GOES_BACK };

enum { FIRST, SECOND, THIRD, SLOW, CLOCKS };

struct fake_clock {
    enum mood mood;
    uint64_t true_hz; /* its actual rate, not the nominal one */
    uint64_t looks, added;
    int begun;
};

static struct {
    unsigned __int128 now_ps;
    uint64_t apic_start;
    uint64_t looks;
    uint64_t tsc_hz, apic_hz;
    struct fake_clock clocks[CLOCKS];
} world;

static uint64_t count_of(uint64_t hz) { return (uint64_t)(world.now_ps * hz / PS_PER_SECOND); }

static uint64_t read_tsc(void) {
    world.now_ps += 10000;
    return count_of(world.tsc_hz);
}
static void start_apic(void) { world.apic_start = count_of(world.apic_hz); }
static uint32_t read_apic(void) {
    world.now_ps += LOOK_PS;
    return UINT32_MAX - (uint32_t)(count_of(world.apic_hz) - world.apic_start);
}

static void spin(uint32_t steps) { world.now_ps += steps * 300ULL; }

static bool begin(uint32_t at) {
    world.clocks[at].begun += world.clocks[at].mood != MISSING;
    return world.clocks[at].mood != MISSING;
}

static uint64_t look(uint32_t at) {
    struct fake_clock *clock = &world.clocks[at];
    world.looks++;
    clock->looks++;
    world.now_ps += at == SLOW ? SLOW_LOOK_PS : LOOK_PS;
    uint64_t ticks = count_of(clock->true_hz);
    if (clock->mood == STANDS)
        return 7;
    if (clock->mood == STOPS && clock->looks > 1000)
        return clock->added;
    /* Jumps differ, or the clock would run evenly, only too fast. */
    if ((clock->mood == JUMPS || (clock->mood == JUMPS_A_WHILE && clock->looks < A_WHILE)) && clock->looks % 500 == 0)
        clock->added += clock->true_hz / 5000 << clock->looks / 500 * 5 % 17 % 6;
    if (clock->mood == JUMPS_ONCE && clock->looks == 500)
        clock->added += clock->true_hz / 1000;
    if (clock->mood == GOES_BACK && clock->looks % 500 == 0)
        clock->added -= clock->true_hz / 5000 * (clock->looks / 500);
    if (clock->mood == STOPS) {
        clock->added = ticks;
        return ticks;
    }
    return ticks + clock->added;
}

#define CLOCK(name, at)                                                \
    static bool name##_begin(void) { return begin(at); }               \
    static uint64_t name##_read(void) { return look(at) & masks[at]; } \
    static void name##_end(void) { world.clocks[at].begun--; }
static const uint64_t masks[CLOCKS] = {0xffff, 0xffffff, UINT32_MAX, UINT64_MAX};
CLOCK(first, FIRST)
CLOCK(second, SECOND)
CLOCK(third, THIRD)
CLOCK(slow, SLOW)

static const struct counters counters = {read_tsc, start_apic, read_apic, spin};
static const struct reference references[CLOCKS] = {
    {"first", 1193182, 0xffff, false, first_begin, first_read, first_end},
    {"second", 3579545, 0xffffff, false, second_begin, second_read, second_end},
    {"third", 100000000, UINT32_MAX, false, third_begin, third_read, third_end},
    {"slow", 1, UINT64_MAX, true, slow_begin, slow_read, slow_end},
};

static void set_world(enum mood first, enum mood second, enum mood third, enum mood slow) {
    const enum mood moods[CLOCKS] = {first, second, third, slow};
    memset(&world, 0, sizeof world);
    world.now_ps = 12345678901;
    world.tsc_hz = TSC_HZ;
    world.apic_hz = APIC_HZ;
    for (uint32_t i = 0; i < CLOCKS; i++) {
        world.clocks[i].mood = moods[i];
        world.clocks[i].true_hz = references[i].hz;
    }
}

static struct clock_rates rates;
static struct text note;

static bool find(struct clock_rates told) {
    memset(&rates, 0, sizeof rates);
    bool found = calibrate(&counters, references, CLOCKS, told, &rates, &note);
    for (uint32_t i = 0; i < CLOCKS; i++)
        CHECK_EQUAL(world.clocks[i].begun, 0);
    CHECK(world.looks < LOOKS_MAX);
    return found;
}

static bool says(const char *text) {
    bool same = strcmp(note.bytes, text) == 0;
    if (!CHECK(same))
        printf("#   says: %s\n", note.bytes);
    return same;
}

/* To a part in a thousand. */
static void measured_well(void) {
    CHECK(rates.tsc_hz > TSC_HZ - TSC_HZ / 1000 && rates.tsc_hz < TSC_HZ + TSC_HZ / 1000);
    CHECK(rates.apic_timer_hz > APIC_HZ - APIC_HZ / 1000 && rates.apic_timer_hz < APIC_HZ + APIC_HZ / 1000);
}

static const struct clock_rates nothing;

static void the_first_that_runs_is_taken(void) {
    set_world(RUNS, RUNS, RUNS, RUNS);
    CHECK(find(nothing));
    measured_well();
    says("");
    CHECK_EQUAL(world.clocks[THIRD].looks, 0);
    set_world(STANDS, RUNS, RUNS, RUNS);
    CHECK(find(nothing));
    measured_well();
    says("clock: 2500 MHz by second; first stands still");
    set_world(STANDS, MISSING, RUNS, RUNS);
    CHECK(find(nothing));
    measured_well();
    says("clock: 2500 MHz by third; first stands still; second is not there");
    set_world(STANDS, MISSING, STOPS, RUNS);
    CHECK(find(nothing));
    measured_well();
    says("clock: 2500 MHz by slow; first stands still; second is not there; third stands still");
}

static void without_a_clock_there_is_a_reason(void) {
    set_world(STANDS, MISSING, STOPS, STANDS);
    CHECK(!find(nothing));
    says("clock: CPUID does not tell the rates; first stands still; second is not there; third stands still; slow "
         "stands "
         "still; turn one of them on in firmware set-up");
    set_world(STANDS, MISSING, STOPS, STANDS);
    CHECK(!find((struct clock_rates){.tsc_hz = TSC_HZ}));
    set_world(STANDS, MISSING, STOPS, STANDS);
    CHECK(find((struct clock_rates){TSC_HZ, APIC_HZ})); /* nothing to measure, nothing to check */
    CHECK_EQUAL(rates.tsc_hz, TSC_HZ);
    CHECK_EQUAL(rates.apic_timer_hz, APIC_HZ);
    says("");
}

/* Each clock stops at another moment: before the first tick, in the middle, or near the end. */
static void a_clock_that_stops_is_left(void) {
    for (uint64_t after = 1; after < 8000; after += 97) {
        set_world(STOPS, RUNS, RUNS, RUNS);
        world.clocks[FIRST].looks = 0 - after;
        CHECK(find(nothing));
        measured_well();
    }
}

static void a_clock_that_jumps_is_found_out(void) {
    set_world(JUMPS_ONCE, RUNS, RUNS, RUNS);
    CHECK(find(nothing));
    measured_well();
    says("");
    set_world(JUMPS_A_WHILE, RUNS, RUNS, RUNS); /* as with a host that is busy */
    CHECK(find(nothing));
    measured_well();
    says("");
    set_world(JUMPS, RUNS, RUNS, RUNS);
    CHECK(find(nothing));
    measured_well();
    says("clock: 2500 MHz by second; first jumps");
    set_world(GOES_BACK, RUNS, RUNS, RUNS);
    CHECK(find(nothing));
    measured_well();
    says("clock: 2500 MHz by second; first jumps");
}

/* A rate that may be wrong, and is reported so, is better than none. */
static void if_all_jump_that_is_said(void) {
    set_world(JUMPS, MISSING, JUMPS, STANDS);
    CHECK(find(nothing));
    CHECK(strstr(note.bytes, " MHz by first; first jumps") != NULL);
}

static void two_clocks_are_held_against_each_other(void) {
    set_world(RUNS, RUNS, RUNS, RUNS);
    world.clocks[SECOND].true_hz = 2 * references[SECOND].hz; /* it counts twice as fast as it should */
    CHECK(find(nothing));
    measured_well();
    says("clock: time-stamp counter, 2500 MHz by first, but 1250 MHz by second: the first is taken");
    set_world(RUNS, RUNS, RUNS, RUNS);
    world.clocks[SECOND].true_hz += references[SECOND].hz / 50; /* 2 % are no difference, 4 % are one */
    CHECK(find(nothing));
    says("");
    world.clocks[SECOND].true_hz += references[SECOND].hz / 50;
    CHECK(find(nothing));
    CHECK(note.length > 0);
    set_world(RUNS, STANDS, RUNS, RUNS); /* a witness that stands still says nothing */
    CHECK(find(nothing));
    says("");
    set_world(RUNS, MISSING, RUNS, RUNS);
    world.clocks[THIRD].true_hz = references[THIRD].hz / 2;
    CHECK(find(nothing));
    says("clock: time-stamp counter, 2500 MHz by first, but 5000 MHz by third: the first is taken");
}

static void cpuid_is_held_against_a_clock(void) {
    set_world(RUNS, RUNS, RUNS, RUNS);
    CHECK(find((struct clock_rates){TSC_HZ, APIC_HZ}));
    says("");
    CHECK(find((struct clock_rates){3000000000, 25000000}));
    CHECK_EQUAL(rates.tsc_hz, 3000000000);
    CHECK_EQUAL(rates.apic_timer_hz, 25000000);
    says("clock: time-stamp counter, 3000 MHz by CPUID, but 2500 MHz by first: the first is taken; APIC timer, 25 MHz "
         "by "
         "CPUID, but 1000 MHz by first: the first is taken");
    set_world(STANDS, RUNS, RUNS, RUNS);
    CHECK(find((struct clock_rates){.tsc_hz = TSC_HZ})); /* the other is measured */
    CHECK_EQUAL(rates.tsc_hz, TSC_HZ);
    measured_well();
    set_world(JUMPS, MISSING, MISSING, MISSING);
    CHECK(find((struct clock_rates){TSC_HZ, APIC_HZ})); /* a clock that jumps is no witness */
    says("");
}

static void rates_that_nobody_has_are_refused(void) {
    set_world(RUNS, RUNS, RUNS, RUNS);
    world.tsc_hz = 5000000;
    CHECK(!find(nothing));
    says("clock: the time-stamp counter's rate is not believable; restart the machine");
    set_world(RUNS, RUNS, RUNS, RUNS);
    world.apic_hz = 0;
    CHECK(!find(nothing));
    says("clock: the local APIC timer's rate is not believable; restart the machine");
}

SUITE(CASE(the_first_that_runs_is_taken), CASE(without_a_clock_there_is_a_reason), CASE(a_clock_that_stops_is_left),
      CASE(a_clock_that_jumps_is_found_out), CASE(if_all_jump_that_is_said),
      CASE(two_clocks_are_held_against_each_other), CASE(cpuid_is_held_against_a_clock),
      CASE(rates_that_nobody_has_are_refused));
