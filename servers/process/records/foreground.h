/*
 * The foreground: the one group of the first session that Ctrl-C and Ctrl-Z go to and that may read from the terminal.
 * Pure; console_tell_foreground tells the console.
 *
 *   process 1's group --names--> a shell's --names--> a job's
 *                     <--ends---           <--ends---
 *
 * There always is a foreground: when its last process has ended, the group of the process that named it follows, else
 * the group of process 1, which neither ends nor changes its group.
 */
#pragma once

#include "servers/process/records/table.h"

/* Is the terminal that of this process's session? */
static inline bool foreground_has_session(const struct process *process) { return process->session == PROCESS_FIRST; }

/*
 * May `caller` name the foreground? Only a process in the foreground, process 1, and the process that named the present
 * foreground may. So a shell takes back what it gave away, and no other process in the background can take the
 * terminal.
 */
bool foreground_may_name(const struct process_table *table, const struct process *caller);

/* Let `group` be the foreground; `caller` has named it. */
void foreground_name(struct process_table *table, struct process *caller, uint32_t group);

/*
 * `caller` has started `child` as a part of the foreground, and so names its group. Returns the signals (bit n - 1 =
 * signal n) that keys sent to this group before the child was in it: the child has to get them too.
 */
uint64_t foreground_start(struct process_table *table, struct process *caller, const struct process *child);

/* Note that a key has sent a signal to the foreground. */
void foreground_note_key(struct process_table *table, uint64_t signal);

/* `process` has ended, or left `group` for another group: choose another foreground if this was its last process. */
void foreground_leave(struct process_table *table, const struct process *process, uint32_t group);
