/*
 * For tests: which server ends, or is swapped, at which time. At random by a seed, or at a time that is named: so on
 * the same (emulated) machine it happens to the same server at the same instruction. The words of the kernel's
 * command line are
 *
 *     storm=SEED,MEAN_US[,NAME]      servers end; NAME: only this one
 *     swaps=SEED,MEAN_US[,NAME]      ... are swapped for a program of their own image
 *     swap-at=US,NAME,PATH           one server is swapped, once, so long after init has started all of them
 *
 * and those behind the first STORM_PLANS_MAX are left out.
 */
#pragma once

#include "servers/init/child.h"

#define STORM_PLANS_MAX 10U

enum storm_kind {
    STORM_ENDS,
    STORM_SWAPS,
    STORM_SWAP_AT,
    STORM_KINDS,
};

struct storm_blow {
    enum storm_kind kind;
    struct child *child; /* NULL: none is meant, or any more */
    const char *path;    /* of the image to swap it for */
};

/* Read the command line. */
void storm_start(const char *command);

/* What is due now, one after the other. False: nothing any more. */
bool storm_draw(uint64_t now_ns, struct storm_blow *ret_blow);

/*
 * When to draw again; DEADLINE_NEVER: there is no storm. now_ns: after the last restart, so that storms of any strength
 * leave time for something else.
 */
uint64_t storm_next_ns(uint64_t now_ns);
