/*
 * The time that processes use, and the watch over those that have a limit of it.
 */
#pragma once

#include "servers/process/memory/objects.h"

/* What a process has used of the CPU. */
uint64_t time_used_ns(struct process *process);

/* Look how much of its time a process has used, do what follows from that, and look again in time. */
void time_limit_watch(struct process *process);
