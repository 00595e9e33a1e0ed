/*
 * Shared by all benches: timed loops, and the lines that `./baton bench` reads.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "tools/counter/marks.h"

#define BENCH_OPERATIONS 10000ULL
#define BENCH_WARM_UP 100ULL

/* Print lines to the TAP port from now on, through this Ports capability. */
void bench_output(cap_t ports);
void bench_put(const char *text);

/* Print a row: `ticks` for all `operations` together. Ends the counter's group for the row (tools/counter/). */
void bench_row(const char *id, uint64_t operations, uint64_t ticks);

/* Time `operations` turns of the body, and subtract the empty loop's time. */
#define BENCH(id, operations, body)                                       \
    do {                                                                  \
        for (uint64_t turn_ = 0; turn_ < BENCH_WARM_UP; turn_++)          \
            body;                                                         \
        uint64_t start_ = bench_window_begin();                           \
        for (uint64_t turn_ = 0; turn_ < (operations); turn_++) {         \
            __asm__ volatile("" : "+r"(turn_));                           \
            body;                                                         \
        }                                                                 \
        uint64_t ticks_ = bench_window_end(start_);                       \
        bench_row(id, operations, ticks_ - bench_loop_ticks(operations)); \
    } while (0)

static inline uint64_t bench_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* Begin counting. Returns the argument of bench_window_end(). */
static inline uint64_t bench_window_begin(void) {
    COUNTER_MARK_HERE(COUNTER_MARK_BEGIN);
    return bench_ticks();
}

/* Stop counting. Returns the ticks since bench_window_begin(). */
static inline uint64_t bench_window_end(uint64_t start) {
    uint64_t ticks = bench_ticks() - start;
    COUNTER_MARK_HERE(COUNTER_MARK_END);
    return ticks;
}

/* The ticks of the empty loop. */
static inline uint64_t bench_loop_ticks(uint64_t operations) {
    uint64_t start = bench_ticks();
    for (uint64_t turn = 0; turn < operations; turn++)
        __asm__ volatile("" : "+r"(turn));
    return bench_ticks() - start;
}
