/*
 * Timers, in a binary heap: finding the next one costs O(1), changing one O(log n). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"

#define WAKES_MAX 4096U

enum wake_kind {
    WAKE_THREAD, /* a thread's sleep or timeout is over, or it is looked at again (struct process_thread) */
    WAKE_ALARM,  /* ALRM comes (struct process) */
    WAKE_LIMIT,  /* a process may have used all the time that it has (struct process) */
};

/* One timer, a member of the structure that it wakes. position 0, as after zeroing: it is not set. */
struct wake {
    uint64_t at_ns;    /* the last time that it was set to; DEADLINE_NEVER, too */
    uint32_t position; /* in the heap, from 1 on */
    enum wake_kind kind;
};

struct wakes {
    uint32_t count;
    struct wake *heap[WAKES_MAX + 1]; /* 1..count; each is no later than those at twice its position */
};

/*
 * Set a timer to this time; DEADLINE_NEVER: it is not set any more. The caller makes sure that at most WAKES_MAX are
 * set.
 */
void wakes_set(struct wakes *wakes, struct wake *wake, uint64_t at_ns);

/* The time of a timer; DEADLINE_NEVER: it is not set. */
static inline uint64_t wakes_time(const struct wake *wake) {
    return wake->position != 0 ? wake->at_ns : DEADLINE_NEVER;
}

/* The time of the next timer; DEADLINE_NEVER: none is set. */
static inline uint64_t wakes_next(const struct wakes *wakes) {
    return wakes->count > 0 ? wakes->heap[1]->at_ns : DEADLINE_NEVER;
}

/* Take out a timer whose time has come, and note it (libsys/wire/journal.h). NULL: there is none. */
struct wake *wakes_take(struct wakes *wakes, uint64_t now_ns);

/*
 * In place of a program that has died, after `count` was set to 0: set a timer to its time, whatever its position was;
 * `set` false: it is not set.
 */
void wakes_set_again(struct wakes *wakes, struct wake *wake, bool set);
