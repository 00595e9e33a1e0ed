/*
 * The end of a process.
 */
#pragma once

#include "servers/process/memory/objects.h"

/* All it was made of goes at once; its parent is told by delivery_run. */
void end_process(struct process *process, const struct process_wait_reply *end);
