/*
 * What execs and ended processes must give back: figures of the process server and the kernel, taken before and after.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/syscall.h"

enum measure_figure {
    MEASURE_FRAMES_FREE,
    MEASURE_POOL_USED,    /* bytes of the process server's own pool */
    MEASURE_SLOTS_USED,   /* of the process server's table */
    MEASURE_CAPABILITIES, /* of the whole system, as are the next two */
    MEASURE_FRAMES_KERNEL,
    MEASURE_FRAMES_MAPPED,
    MEASURE_PROCESSES,
    MEASURE_RESTARTS, /* of the process server: never a difference */
    MEASURE_FIGURES,
};

struct measure {
    uint64_t figures[MEASURE_FIGURES];
};

/* Take all figures. Returns 0 if the process server did not answer. */
_Bool measure_take(cap_t process, struct measure *ret_measure);

/*
 * Returns the first figure that differs; MEASURE_FIGURES: none does. Mapped frames count only if the process server was
 * not restarted: the mappings of a program are made again as it touches its pages.
 */
enum measure_figure measure_difference(const struct measure *before, const struct measure *after);

const char *measure_name(enum measure_figure figure);

/* Returns how many timer interrupts all CPUs have taken so far. */
uint64_t measure_ticks(void);
