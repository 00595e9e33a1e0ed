/*
 * The end of a process.
 */
#pragma once

#include "servers/process/memory/objects.h"

/* End a process: its objects and memory go at once; delivery_run tells its parent. */
void end_process(struct process *process, const struct process_wait_reply *end);
