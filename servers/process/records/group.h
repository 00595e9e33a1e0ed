/*
 * Groups of processes (jobs, for a shell): who is in one, and who holds it. Pure.
 */
#pragma once

#include "servers/process/records/table.h"

/* The processes of a group in turn: the next after `last`, NULL = the first. NULL: there is no further one. */
struct process *process_next_in_group(const struct process_table *table, uint32_t group, const struct process *last);

/* Is any process of this group left? ... in this session, if only one that has ended? */
bool process_group_exists(const struct process_table *table, uint32_t group);

/*
 * Is there nobody left who would let a stopped member go on? A group is held by a living parent of a member, in the same session but
 * in another group: in practice a shell with its jobs. That of process 1 is held by nobody.
 * Source: POSIX, "Orphaned Process Group". Cost: the members of the group.
 */
bool process_group_is_orphaned(const struct process_table *table, uint32_t group);
bool process_group_is_in(const struct process_table *table, uint32_t group, uint32_t session);

/* Does this parent keep its child's group from being orphaned, as long as both live? */
bool process_holds_group(const struct process *parent, const struct process *child);
