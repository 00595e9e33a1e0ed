/*
 * What happens when memory runs out: who may take the last frames, and which process ends so that the others can go on.
 *
 *   frames free   0 ........ reserve ................................ all
 *                 |  process 1, the server  |        everybody        |
 */
#pragma once

#include "servers/process/memory/objects.h"

/* The reserve is one frame in so many, and no fewer than these (1 MiB). */
#define PRESSURE_RESERVE_PART 64U
#define PRESSURE_RESERVE_LEAST 256U

/* How many frames of these are the reserve. */
uint64_t pressure_reserve(uint64_t frame_count);

/* Frames that are taken from now on are for process `pid`; 0 = for the server's own needs. */
static inline void pressure_take_for(struct server_context *context, uint32_t pid) {
    context->frames.floor = pid > PROCESS_FIRST ? context->reserve : 0;
}

/* Words for a call that is refused with P_NO_MEMORY, unless there are some. reason: PROTOCOL_REASON_MAX bytes. */
void pressure_explain(const struct server_context *context, uint32_t status, char *reason);

/*
 * The process whose end gives back most of what is short: among those that count in the account of `asking`, unless another one
 * has more than all of these together, which ends then. *ret_pages is how much. Where frames are short, a frame that several hold counts for each in part. Where
 * many are free, it is pages for the server's records that are short. Never process 1. NULL: there is no other.
 */
struct process *pressure_choose(struct server_context *context, const struct process *asking, uint64_t *ret_pages);
