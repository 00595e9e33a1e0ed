/*
 * Groups of processes (jobs, for a shell): the members of a group, and the parents that hold it. Pure.
 */
#pragma once

#include "servers/process/records/table.h"

/* The processes of a group in turn: the one after `last`, or the first if `last` is NULL. NULL: there is none left. */
struct process *process_next_in_group(const struct process_table *table, uint32_t group, const struct process *last);

/* Has this group a living member? */
bool process_group_exists(const struct process_table *table, uint32_t group);

/*
 * Is no process left that would let a stopped member go on? A living parent of a member holds a group if it is in the
 * same session but in another group: in practice, a shell holds its jobs. Nothing holds the group of process 1.
 * Source: POSIX, "Orphaned Process Group". Cost: O(members of the group).
 */
bool process_group_is_orphaned(const struct process_table *table, uint32_t group);

/* Is any member of this group, alive or ended, in this session? */
bool process_group_is_in(const struct process_table *table, uint32_t group, uint32_t session);

/* Does this parent keep its child's group from being orphaned, as long as both live? */
bool process_holds_group(const struct process *parent, const struct process *child);
