/*
 * For tests: which server ends at which random time, by a seed: so the same seed on the same (emulated) machine ends
 * the same server at the same instruction. The word of the kernel's command line is
 *
 *     storm=SEED,MEAN_US[,NAME]     NAME: only this server
 */
#pragma once

#include "servers/init/build.h"

/* Read the command line. */
void storm_start(const char *command);

/* The server to end now; NULL: none. */
struct child *storm_draw(uint64_t now_ns);

/*
 * When to draw again; DEADLINE_NEVER: there is no storm. now_ns: after the last restart, so that storms of any strength
 * leave time for something else.
 */
uint64_t storm_next_ns(uint64_t now_ns);
