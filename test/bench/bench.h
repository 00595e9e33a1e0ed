/*
 * What the benches share: loops that are timed, the other side of a ping-pong in a space of its own, and the line that
 * `./baton bench` reads.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/syscall.h"
#include "libsys/message.h"

#define BENCH_OPERATIONS 10000ULL
#define BENCH_WARM_UP 100ULL

/* Set up: output, free memory. First thing in main. */
void bench_start(void);
/* Print the plan and the verdict, and power off. */
_Noreturn void bench_end(void);

/* A step that failed ends the bench with its name. */
void bench_require(const char *what, struct result result);
void bench_require_status(const char *what, uint64_t status);

/* `ticks` for `operations`, as one row. `events` is "" or more "name=count" words. */
void bench_row(const char *id, uint64_t operations, uint64_t ticks, const char *events);

/* Time `operations` turns of the body, the empty loop's time taken off. */
#define BENCH(id, operations, events, body)                                       \
    do {                                                                          \
        for (uint64_t turn_ = 0; turn_ < BENCH_WARM_UP; turn_++) {                \
            body;                                                                 \
        }                                                                         \
        uint64_t start_ = bench_ticks();                                          \
        for (uint64_t turn_ = 0; turn_ < (operations); turn_++) {                 \
            __asm__ volatile("" : "+r"(turn_));                                   \
            body;                                                                 \
        }                                                                         \
        uint64_t ticks_ = bench_ticks() - start_;                                 \
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

/* Pages of RAM for the bench: the offset of `count` unused ones in *ret_memory. */
uint64_t bench_take_pages(uint64_t count, cap_t *ret_memory);
cap_t bench_take_slot(void);
extern cap_t bench_pool;

/* A peer: a thread in a new space, running `code` (a label of peers.S), with a stack and a message page. */
struct bench_peer {
    cap_t thread, space, table;
    cap_t pool;
};
#define PEER_CODE 0x400000ULL
#define PEER_STACK_TOP 0x600000ULL
#define PEER_MESSAGE 0x700000ULL

/* Its table's slots 1.. hold copies of `caps` (zero-terminated, at most 6); its RBX, RBP are those of the entry. */
void bench_peer_start(struct bench_peer *peer, const uint8_t *code, const cap_t *caps, uint64_t rbx, uint64_t rbp,
                      cap_t fault_endpoint);
void bench_peer_end(struct bench_peer *peer);
