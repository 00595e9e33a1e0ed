/*
 * What happens when memory runs out: which processes may take the last frames, and which process ends so that the
 * others can go on.
 *
 *   frames free   0 ........ reserve ................................ all
 *                 |  process 1, the server  |     all processes       |
 */
#pragma once

#include "servers/process/memory/objects.h"

/* The reserve is 1 / PRESSURE_RESERVE_PART of all frames, but at least PRESSURE_RESERVE_LEAST (1 MiB). */
#define PRESSURE_RESERVE_PART 64U
#define PRESSURE_RESERVE_LEAST 256U

/* The size of the reserve, in frames, if the server has `frame_count` frames in all. */
uint64_t pressure_reserve(uint64_t frame_count);

/* Take frames for process `pid` from now on; 0: for the server's own needs. */
static inline void pressure_take_for(struct server_context *context, uint32_t pid) {
    context->frames.floor = pid > PROCESS_FIRST ? context->reserve : 0;
}

/* Write a reason for a call that is refused with P_NO_MEMORY, unless it has one. reason: PROTOCOL_REASON_MAX bytes. */
void pressure_explain(const struct server_context *context, uint32_t status, char *reason);

/*
 * Choose the process whose end gives back most of the pages that are short. It is one of those that count in the
 * account of `asking`, unless a process elsewhere has more than all of these together. *ret_pages: how many it gives
 * back.
 * Where frames are short, a frame with several holders counts for each in part. Where many frames are free, pages for
 * the server's records are short, and those are counted. Process 1 is never chosen. NULL: there is no other.
 */
struct process *pressure_choose(struct server_context *context, const struct process *asking, uint64_t *ret_pages);
