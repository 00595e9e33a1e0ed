/*
 * Raising signals, for a process, a thread or a group. delivery.h delivers them.
 */
#pragma once

#include "servers/process/memory/objects.h"

/* Raise a signal for a process; sender 0: no process has sent it. */
void raise_for_process(struct process *process, uint64_t signal, uint32_t sender);

/* Raise a signal for one thread, from its own process. */
void raise_for_thread(struct process_thread *thread, uint64_t signal);

/*
 * Raise a signal for all processes of a group to which `caller` may send it; caller NULL: for all of them. Returns how
 * many there are.
 */
uint32_t raise_for_group(uint32_t group, uint64_t signal, const struct process *caller);
