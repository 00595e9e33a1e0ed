/*
 * Puts another program in the place of a server that runs, with its thread, table and state (docs/swap.md). Until the
 * new program says yes, the old one stays as it is, and goes on if anything fails.
 */
#pragma once

#include "libsys/proto/init.h"
#include "servers/init/build.h"

#define SWAP_PROOF_MESSAGES 16U /* a program that is swapped in is proven when it has taken as many ... */

/*
 * Begin to swap a program. Errors, each with its reason in *ret_reason: P_NOT_FOUND there is no such file; P_OPERATION
 * the program's manifest has no `restart`, or it keeps no state; P_BUSY it does not run, or a swap is under way;
 * P_IMAGE the new program can't be built, and the log says why.
 */
MUST_USE uint32_t swap_begin(struct child *child, const char *path, const char **ret_reason);

/* Is this program being swapped? */
bool swap_concerns(const struct child *child);

/* A program has ended. True: it was on trial, and the old one goes on. */
bool swap_fault(struct child *child);

/* A program has ended by itself. If it is not proven, the next one is made from the image before. */
void swap_take_back(struct child *child, uint64_t now_ns);

/* Go on with the swap. Returns when to do so again; DEADLINE_NEVER: none is under way. */
uint64_t swap_tick(uint64_t now_ns);

/* How the swap came out, once it is over. False: it is under way. */
bool swap_result(struct init_swap_reply *ret_reply);
