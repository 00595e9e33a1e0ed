/*
 * The CPU time that processes use, and the watch over those with a limit of it.
 */
#pragma once

#include "servers/process/memory/objects.h"

/* CPU time that a process has used. */
uint64_t time_used_ns(struct process *process);

/* Whether a process has used all the CPU time that it may ever use. */
bool time_is_used_up(struct process *process);

/*
 * Compare a process's CPU time with its limits, raise XCPU or KILL if it has used that much, and set the wake for the
 * next look.
 */
void time_limit_watch(struct process *process);
