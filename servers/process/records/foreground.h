/*
 * Who has the terminal: the one group of the first session that Ctrl-C and Ctrl-Z are for and that may read. Pure; the
 * console is told elsewhere (console_tell_foreground).
 *
 *   process 1's group --names--> a shell's --names--> a job's
 *                     <--ends---           <--ends---
 *
 * There always is one: when its last process has ended, it is the group of whoever named it, else that of process 1,
 * which neither ends nor changes its group.
 */
#pragma once

#include "servers/process/records/table.h"

/* Is the terminal that of this process's session? */
static inline bool foreground_has_session(const struct process *process) { return process->session == PROCESS_FIRST; }

/*
 * May `caller` name the foreground? Only from within it, as process 1, or if it named the one that there is. So a shell
 * takes back what it gave away, and nobody else in the background takes anything.
 */
bool foreground_may_name(const struct process_table *table, const struct process *caller);

/* `caller` names a group. */
void foreground_name(struct process_table *table, struct process *caller, uint32_t group);

/*
 * `caller` has started `child` as a part of the foreground, and names its group. Returns which signals (bit n - 1 = signal
 * n) keys have meant for this group before the child was there: they are for the child, too.
 */
uint64_t foreground_start(struct process_table *table, struct process *caller, const struct process *child);

/* A key means a signal for the foreground. */
void foreground_note_key(struct process_table *table, uint64_t signal);

/* `process` has ended, or left `group` for another one: perhaps that was the end of the foreground. */
void foreground_leave(struct process_table *table, const struct process *process, uint32_t group);
