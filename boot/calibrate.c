#include "boot/calibrate.h"

/* No clock runs at a rate outside these limits: such a result means that the measurement went wrong. */
#define TSC_HZ_MIN 10000000ULL
#define TSC_HZ_MAX 100000000000ULL
#define APIC_HZ_MIN 1000000ULL
#define APIC_HZ_MAX 100000000000ULL

#define HALF_WINDOW 400U /* parts of a second: 2.5 ms */
#define JUMP_FACTOR 16U  /* advancing by more than this many halves within one half is a jump */

enum {
    REFERENCES_MAX = 8,
};

/* How a reference is watched. Each poll takes far more than 10 ns. */
struct manner {
    uint32_t measure_tries; /* a host that is busy suspends a virtual CPU for longer than the 8254 timer counts */
    uint32_t sample_tries;
    uint32_t polls_max;       /* for one tick, or for one half of the window */
    uint32_t tick_spin_steps; /* before each poll for the next tick */
    uint32_t half_spin_steps; /* before each poll for the end of a half: port accesses are slow in a virtual machine */
};
static const struct manner quick = {
    .measure_tries = 16, .sample_tries = 8, .polls_max = 200000, .half_spin_steps = 256};
/* For a clock that ticks once a second. A poll with its spinning takes far more than 700 ns. */
static const struct manner slow = {
    .measure_tries = 3, .sample_tries = 1, .polls_max = 1500000, .tick_spin_steps = 4096};

enum verdict { ABSENT, STILL, UNEVEN, GOOD };

/* All counters at one moment. */
struct sample {
    uint64_t tsc;
    uint64_t ticks;   /* of the reference */
    uint64_t witness; /* of the second reference, if there is one */
    uint32_t apic_timer;
};

struct measured {
    enum verdict verdict;
    struct clock_rates rates;
    uint64_t witness_tsc_hz; /* by the second reference, in the same window; 0: there is none, or it stands still */
    const char *witness;     /* its name */
};

struct watch {
    const struct counters *counters;
    const struct reference *reference;
    const struct reference *witness; /* NULL: none */
};

static uint64_t ticks_between(const struct reference *reference, uint64_t start, uint64_t end) {
    return (end - start) & reference->mask;
}

static const struct manner *manner(const struct reference *reference) { return reference->is_slow ? &slow : &quick; }

/*
 * Read all counters just after the reference has ticked. Several tries are made, since a virtual machine may be
 * suspended between two readings; the try whose readings lie closest together counts. False: the reference stands
 * still.
 */
static bool take_sample(const struct watch *watch, struct sample *ret_sample) {
    const struct manner *how = manner(watch->reference);
    uint64_t narrowest = UINT64_MAX;
    for (uint32_t try = 0; try < how->sample_tries; try++) {
        uint64_t first = watch->reference->read(), now = first, before = 0;
        for (uint32_t poll = 0; now == first; poll++) {
            if (poll == how->polls_max)
                return false;
            watch->counters->spin(how->tick_spin_steps);
            before = watch->counters->tsc();
            now = watch->reference->read();
        }
        uint32_t apic_timer = watch->counters->apic_timer();
        uint64_t witness = watch->witness != 0 ? watch->witness->read() : 0;
        uint64_t after = watch->counters->tsc();
        if (after - before < narrowest) {
            narrowest = after - before;
            *ret_sample = (struct sample){.tsc = after, .ticks = now, .witness = witness, .apic_timer = apic_timer};
        }
    }
    return true;
}

/* Take the next sample that is at least `ticks` after `start`. False: the reference stands still. */
static bool take_later(const struct watch *watch, const struct sample *start, uint64_t ticks,
                       struct sample *ret_sample) {
    const struct manner *how = manner(watch->reference);
    const struct reference *reference = watch->reference;
    for (uint32_t poll = 0; ticks_between(reference, start->ticks, reference->read()) + 1 < ticks; poll++) {
        if (poll == how->polls_max)
            return false;
        watch->counters->spin(how->half_spin_steps);
    }
    return take_sample(watch, ret_sample);
}

static bool differ(uint64_t one, uint64_t other) {
    uint64_t larger = one > other ? one : other, smaller = one > other ? other : one;
    return larger - smaller > larger / CLOCKS_AGREE_PARTS;
}

static uint64_t rate(uint64_t counted, const struct reference *reference, uint64_t ticks) {
    return ticks == 0 ? 0 : counted * reference->hz / ticks;
}

/* Measure one window in two halves. If the reference jumps in one of them, the halves give different rates. */
static enum verdict measure_once(const struct watch *watch, struct measured *measured) {
    const struct reference *reference = watch->reference;
    uint64_t half = reference->is_slow ? 1 : reference->hz / HALF_WINDOW;
    struct sample start, middle, end;
    if (!take_sample(watch, &start) || !take_later(watch, &start, half, &middle) ||
        !take_later(watch, &middle, half, &end))
        return STILL;
    uint64_t first = ticks_between(reference, start.ticks, middle.ticks);
    uint64_t second = ticks_between(reference, middle.ticks, end.ticks);
    if (first > JUMP_FACTOR * half || second > JUMP_FACTOR * half)
        return UNEVEN;
    uint64_t all = first + second;
    measured->rates.tsc_hz = rate(end.tsc - start.tsc, reference, all);
    measured->rates.apic_timer_hz = rate((uint32_t)(start.apic_timer - end.apic_timer), reference, all);
    if (watch->witness != 0) {
        uint64_t ticks = ticks_between(watch->witness, start.witness, end.witness);
        measured->witness = watch->witness->name;
        measured->witness_tsc_hz = rate(end.tsc - start.tsc, watch->witness, ticks);
    }
    return differ((middle.tsc - start.tsc) * second, (end.tsc - middle.tsc) * first) ? UNEVEN : GOOD;
}

/*
 * Measure until one window is even. Once one was not, two in a row have to be, and have to agree: a clock that jumps a
 * lot may do so alike in both halves of one.
 */
static struct measured measure(const struct watch *watch) {
    uint32_t tries = manner(watch->reference)->measure_tries;
    struct measured measured = {.verdict = ABSENT}, before;
    for (uint32_t try = 0; try < tries; try++) {
        before = measured;
        watch->counters->start_apic_timer();
        measured.verdict = measure_once(watch, &measured);
        bool confirmed = before.verdict == GOOD && !differ(before.rates.tsc_hz, measured.rates.tsc_hz);
        if (measured.verdict == STILL || (measured.verdict == GOOD && (try == 0 || confirmed)))
            return measured;
    }
    measured.verdict = UNEVEN;
    return measured;
}

/* Begin the next reference that can be a witness and return it; NULL: there is none. */
static const struct reference *begin_witness(const struct reference *next, const struct reference *end) {
    while (next < end && (next->is_slow || !next->begin()))
        next++;
    return next < end ? next : 0;
}

static void add_rate(struct text *note, uint64_t hz, const char *by) {
    text_add_decimal(note, (hz + 500000) / 1000000);
    text_add(note, " MHz by ");
    text_add(note, by);
}

static void note_difference(struct text *note, const char *what, uint64_t hz, const char *by, uint64_t other_hz,
                            const char *other) {
    if (hz == 0 || other_hz == 0 || !differ(hz, other_hz))
        return;
    text_add(note, note->length > 0 ? "; " : "clock: ");
    text_add(note, what);
    add_rate(note, hz, by);
    text_add(note, ", but ");
    add_rate(note, other_hz, other);
    text_add(note, ": the first is taken");
}

/* Say what became of each reference that was tried. */
static void note_verdicts(struct text *note, const struct reference *references, const struct measured *measured,
                          uint32_t count) {
    static const char *const words[] = {
        [ABSENT] = " is not there", [STILL] = " stands still", [UNEVEN] = " jumps", [GOOD] = " tells it"};
    for (uint32_t i = 0; i < count; i++) {
        text_add(note, "; ");
        text_add(note, references[i].name);
        text_add(note, words[measured[i].verdict]);
    }
}

static bool fail(struct text *note, const char *why) {
    text_clear(note);
    text_add(note, "clock: ");
    text_add(note, why);
    return false;
}

static void end(const struct reference *reference) {
    if (reference != 0 && reference->end != 0)
        reference->end();
}

/*
 * Try one reference after the other. Returns the first that runs evenly, or else the first that jumps; `count`: all
 * stand still.
 */
static uint32_t choose(const struct counters *counters, const struct reference *references, uint32_t count,
                       struct measured *measured) {
    uint32_t chosen = count;
    for (uint32_t i = 0; i < count; i++) {
        if (!references[i].begin())
            continue;
        const struct reference *witness = begin_witness(&references[i + 1], &references[count]);
        measured[i] = measure(&(struct watch){counters, &references[i], witness});
        end(witness);
        end(&references[i]);
        if (measured[i].verdict == GOOD)
            return i;
        if (measured[i].verdict == UNEVEN && chosen == count)
            chosen = i;
    }
    return chosen;
}

/* Write one line for the log about anything odd. */
static void note_findings(struct text *note, struct clock_rates told, const struct reference *references,
                          const struct measured *measured, uint32_t chosen) {
    const struct measured *best = &measured[chosen];
    const char *name = references[chosen].name;
    bool all_told = told.tsc_hz != 0 && told.apic_timer_hz != 0;
    if (!all_told && (chosen > 0 || best->verdict != GOOD)) {
        text_add(note, "clock: ");
        add_rate(note, best->rates.tsc_hz, name);
        note_verdicts(note, references, measured, chosen + (best->verdict != GOOD));
    }
    if (best->verdict != GOOD)
        return;
    note_difference(note, "time-stamp counter, ", told.tsc_hz, "CPUID", best->rates.tsc_hz, name);
    note_difference(note, "APIC timer, ", told.apic_timer_hz, "CPUID", best->rates.apic_timer_hz, name);
    if (told.tsc_hz == 0)
        note_difference(note, "time-stamp counter, ", best->rates.tsc_hz, name, best->witness_tsc_hz, best->witness);
}

bool calibrate(const struct counters *counters, const struct reference *references, uint32_t count,
               struct clock_rates told, struct clock_rates *ret_rates, struct text *ret_note) {
    struct measured measured[REFERENCES_MAX] = {{.verdict = ABSENT}};
    text_clear(ret_note);
    uint32_t chosen = choose(counters, references, count, measured);
    if (chosen == count && (told.tsc_hz == 0 || told.apic_timer_hz == 0)) {
        (void)fail(ret_note, "CPUID does not tell the rates");
        note_verdicts(ret_note, references, measured, count);
        text_add(ret_note, "; turn one of them on in firmware set-up");
        return false;
    }
    struct clock_rates found = chosen < count ? measured[chosen].rates : told;
    ret_rates->tsc_hz = told.tsc_hz != 0 ? told.tsc_hz : found.tsc_hz;
    ret_rates->apic_timer_hz = told.apic_timer_hz != 0 ? told.apic_timer_hz : found.apic_timer_hz;
    if (ret_rates->tsc_hz < TSC_HZ_MIN || ret_rates->tsc_hz > TSC_HZ_MAX)
        return fail(ret_note, "the time-stamp counter's rate is not believable; restart the machine");
    if (ret_rates->apic_timer_hz < APIC_HZ_MIN || ret_rates->apic_timer_hz > APIC_HZ_MAX)
        return fail(ret_note, "the local APIC timer's rate is not believable; restart the machine");
    if (chosen < count)
        note_findings(ret_note, told, references, measured, chosen);
    return true;
}
