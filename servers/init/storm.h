/*
 * For tests: which server ends, or is swapped for a program of its own image, at which random time, by a seed: so the
 * same seed on the same (emulated) machine does it to the same server at the same instruction. The words of the
 * kernel's command line are
 *
 *     storm=SEED,MEAN_US[,NAME]     NAME: only this server
 *     swaps=SEED,MEAN_US[,NAME]
 */
#pragma once

#include "servers/init/build.h"

enum storm_kind {
    STORM_ENDS,
    STORM_SWAPS,
    STORM_KINDS,
};

/* Read the command line. */
void storm_start(const char *command);

/* The server to end now, or to swap; NULL: none. */
struct child *storm_draw(enum storm_kind kind, uint64_t now_ns);

/*
 * When to draw again; DEADLINE_NEVER: there is no storm. now_ns: after the last restart, so that storms of any strength
 * leave time for something else.
 */
uint64_t storm_next_ns(uint64_t now_ns);
