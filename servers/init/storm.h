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

/* The server to end now; NULL: none. *ret_next_ns: when to ask again; DEADLINE_NEVER: there is no storm. */
struct child *storm_draw(uint64_t now_ns, uint64_t *ret_next_ns);
