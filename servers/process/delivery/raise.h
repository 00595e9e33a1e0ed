/*
 * Signals come: to a process, a thread, a group. What becomes of them is for delivery.h.
 */
#pragma once

#include "servers/process/memory/objects.h"

/* A signal comes to a process; sender = 0: not from a process. */
void raise_for_process(struct process *process, uint64_t signal, uint32_t sender);

/* ... to one thread, from its own process. */
void raise_for_thread(struct process_thread *thread, uint64_t signal);

/* ... to all processes of a group to which `caller` may send it; NULL = anybody. Returns how many there are. */
uint32_t raise_for_group(uint32_t group, uint64_t signal, const struct process *caller);
