/*
 * The life of a process among others: its parent, the wait for its end, and which processes may act on it. Pure, but it
 * takes pages of the server's own from the page allocator. The objects and memory of a process are in objects.h.
 *
 *   begin -> lives -> end -> ended -> forget         (an orphan is forgotten as it ends)
 *        \-> forget
 */
#pragma once

#include "servers/process/records/group.h"
#include "servers/process/records/thread.h"

/*
 * Make a process without a thread, child of `parent` (0: of none). Its record is the beginning of a page whose first
 * record_bytes are zero.
 * Errors: P_LIMIT there are PROCESS_MAX processes (PROCESS_RESERVE fewer for all but children of process 1), or a limit
 *         of the parent or of an account above it is reached; P_NO_MEMORY.
 */
MUST_USE uint32_t process_begin(struct process_table *table, uint32_t parent, struct process **ret_process);

/* Undo process_begin, or forget a process that has ended. It has no thread any more. */
void process_forget(struct process_table *table, struct process *process);

/* Put the process into `due` if it has a signal that can be delivered. */
void process_note_signals(struct process_table *table, struct process *process);

/* Name the process by the last component of `path`. */
void process_set_name(struct process *process, const char *path);

/*
 * May `caller` act on `target`? A process may act on itself and on all descendants of its parent (its children and
 * siblings, and theirs), process 1 on all processes, an orphan only on its own descendants. Ancestors are out of reach,
 * since none of them descends from its descendant's parent.
 */
bool process_may_act(const struct process_table *table, const struct process *caller, const struct process *target);

/*
 * May `caller` send a signal to `target`? Yes if it may act on it, or if both are in one session, ancestors included;
 * but only process 1 may send one to process 1.
 */
bool process_may_signal(const struct process_table *table, const struct process *caller, const struct process *target);

enum process_state process_state(struct process *process);

/*
 * Note that a process has ended, and its threads with it; its parent is to be told. Its children become orphans, and
 * those that had ended are forgotten. The process itself is forgotten at once if it has no parent to be told. Groups
 * that it was the last to hold, and that have a stopped member, are to hang up.
 */
void process_end(struct process_table *table, struct process *process, const struct process_wait_reply *end);

/*
 * Note that a process has stopped, or goes on (`what`: enum process_end): its parent, if there is one, is to be told.
 */
void process_add_news(struct process_table *table, struct process *process, uint32_t what, uint64_t signal);

/*
 * Find a child that has ended or has news, for a wait for `pid` (or PROCESS_ANY, or a group) with `flags`.
 * Errors: E_TIMEOUT there are such children, but none has news; P_NO_CHILD there are none.
 */
MUST_USE uint32_t process_find_news(const struct process_table *table, struct process *caller, uint64_t pid,
                                    uint64_t flags, struct process **ret_child);

/*
 * Tell a wait about a child that process_find_news found: its news are gone afterwards, and a child that has ended is
 * forgotten.
 */
struct process_wait_reply process_tell(struct process_table *table, struct process *child);

void process_enter_group(struct process_table *table, struct process *process, uint32_t group);
