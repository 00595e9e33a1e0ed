/*
 * The end of a process.
 */
#pragma once

#include "servers/process/memory/objects.h"

/*
 * End a process: its objects and memory go at once; delivery_run tells its parent. All changes so far are committed:
 * from then on the process ends, even if this server does.
 */
void end_process(struct process *process, const struct process_wait_reply *end);

/*
 * In place of a program that has died while a process was ending. Before anything is claimed or counted: what the
 * process had belongs to nobody. Then, once all lists are there: finish.
 */
void ending_take_over(struct process *process);
void ending_finish(struct process *process);
