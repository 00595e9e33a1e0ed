/*
 * What is to happen at a time: a binary heap of all that waits for one, so that neither the next one nor a change of one
 * costs more for the number of sleepers. Pure.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/syscall.h"

#define WAKES_MAX 4096U

enum wake_kind {
    WAKE_THREAD, /* a thread's sleep is over (struct thread) */
    WAKE_ALARM,  /* ALRM comes (struct process) */
    WAKE_LIMIT,  /* a process may have used all the time that it has (struct process) */
};

/* Part of what it wakes. position 0: it waits for nothing, as after zeroing. */
struct wake {
    uint64_t at_ns;
    uint32_t position; /* in the heap, from 1 on */
    enum wake_kind kind;
};

struct wakes {
    uint32_t count;
    struct wake *heap[WAKES_MAX + 1]; /* 1..count; each is no later than those at twice its position */
};

/* Let it be at this time; DEADLINE_NEVER: not at all. Whoever has more than WAKES_MAX of them counts them before. */
void wakes_set(struct wakes *wakes, struct wake *wake, uint64_t at_ns);

/* When it will be; DEADLINE_NEVER = not at all. */
static inline uint64_t wakes_time(const struct wake *wake) {
    return wake->position != 0 ? wake->at_ns : DEADLINE_NEVER;
}

/* When the next one is. */
static inline uint64_t wakes_next(const struct wakes *wakes) {
    return wakes->count > 0 ? wakes->heap[1]->at_ns : DEADLINE_NEVER;
}

/* Take out one whose time has come. NULL: there is none. */
struct wake *wakes_take(struct wakes *wakes, uint64_t now_ns);
