/*
 * What all benches share: loops that are timed, and the lines that `./baton bench` reads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"

#define BENCH_OPERATIONS 10000ULL
#define BENCH_WARM_UP 100ULL

/* Lines go to the TAP port, through this Ports capability. Prints the plan. */
void bench_output(cap_t ports);
void bench_put(const char *text);

/* `ticks` for `operations`, as one row. `events` is "" or more "name=count" words. */
void bench_row(const char *id, uint64_t operations, uint64_t ticks, const char *events);

/* With `row=ID` in this command line only the row ID is measured: for a profile (tools/host/profile.py). */
void bench_select(const char *command);
bool bench_wants(const char *id);
/* They do nothing: a profile counts what is executed between them. */
void bench_row_begin(void);
void bench_row_end(void);

/* Time `operations` turns of the body, the empty loop's time taken off. */
#define BENCH(id, operations, events, body)                                       \
    do {                                                                          \
        if (!bench_wants(id))                                                     \
            break;                                                                \
        for (uint64_t turn_ = 0; turn_ < BENCH_WARM_UP; turn_++) {                \
            body;                                                                 \
        }                                                                         \
        bench_row_begin();                                                        \
        uint64_t start_ = bench_ticks();                                          \
        for (uint64_t turn_ = 0; turn_ < (operations); turn_++) {                 \
            __asm__ volatile("" : "+r"(turn_));                                   \
            body;                                                                 \
        }                                                                         \
        uint64_t ticks_ = bench_ticks() - start_;                                 \
        bench_row_end();                                                          \
        bench_row(id, operations, ticks_ - bench_loop_ticks(operations), events); \
    } while (0)

static inline uint64_t bench_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* What the loop itself costs. */
static inline uint64_t bench_loop_ticks(uint64_t operations) {
    uint64_t start = bench_ticks();
    for (uint64_t turn = 0; turn < operations; turn++)
        __asm__ volatile("" : "+r"(turn));
    return bench_ticks() - start;
}
