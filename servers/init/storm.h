/*
 * For tests: ends servers at random times, by a seed, so that the same seed on the same (emulated) machine ends the same
 * server at the same instruction. The word of the kernel's command line is
 *
 *     storm=SEED,MEAN_US[,NAME]     NAME: only this server
 */
#pragma once

#include <stdint.h>

/* Read the command line. */
void storm_start(const char *command);

/* End the servers whose time has come. Returns when to call it again; DEADLINE_NEVER: there is no storm. */
uint64_t storm_tick(uint64_t now_ns);
