/*
 * The life of a process among others: who is whose child, who waits for whom, who may act on whom. Pure, but for the
 * pages of the server's own that it takes from the page allocator. What a process is made of lies in objects.h.
 *
 *   begin -> lives -> end -> ended -> forget         (an orphan is forgotten as it ends)
 *        \-> forget
 */
#pragma once

#include "servers/process/records/group.h"
#include "servers/process/records/thread.h"

/*
 * A new process, child of `parent` (0 = none), without a thread. It lies at the beginning of a page whose
 * first record_bytes are zero. Errors: P_LIMIT there are PROCESS_MAX, less PROCESS_RESERVE if it is no child of process 1, or a limit of the parent or of one above it; P_NO_MEMORY.
 */
MUST_USE uint32_t process_begin(struct process_table *table, uint32_t parent, struct process **ret_process);

/* Undo process_begin, or be done with a process that has ended. It has no thread any more. */
void process_forget(struct process_table *table, struct process *process);

/* Note that signals are to be looked at, if any can be delivered. */
void process_note_signals(struct process_table *table, struct process *process);

/* Its name is the last component of `path`. */
void process_set_name(struct process *process, const char *path);

/*
 * May `caller` act on `target`? A process may act on itself and on all that descends from its parent (its children and
 * siblings, and theirs), process 1 on all, an orphan only on what descends from it. Ancestors are out of reach, since
 * none of them descends from one's parent.
 */
bool process_may_act(const struct process_table *table, const struct process *caller, const struct process *target);

/*
 * May `caller` send a signal to `target`? To whatever it may act on, and to all of its own session, its ancestors included; but to
 * process 1 only itself.
 */
bool process_may_signal(const struct process_table *table, const struct process *caller, const struct process *target);

enum process_state process_state(struct process *process);

/*
 * A process has ended, and its threads with it; its parent is to be told. Its children become orphans; those that had ended
 * are forgotten, and so is the process itself if nobody is there to be told. Groups that it was the last to hold, and that have
 * a stopped member, are to hang up.
 */
void process_end(struct process_table *table, struct process *process, const struct process_wait_reply *end);

/* It has stopped, or goes on (enum process_end): its parent, if there is one, is to be told. */
void process_add_news(struct process_table *table, struct process *process, uint32_t what, uint64_t signal);

/*
 * The child that a wait for `pid` (or PROCESS_ANY, or a group) with `flags` finds ended, or with news. OK: *ret_child. E_TIMEOUT: there are
 * such children, but there is nothing to tell. P_NO_CHILD: there are none.
 */
MUST_USE uint32_t process_find_news(const struct process_table *table, struct process *caller, uint64_t pid,
                                    uint64_t flags, struct process **ret_child);

/* What a wait is told about a child that process_find_news found: news are told once, and who has ended is forgotten. */
struct process_wait_reply process_tell(struct process_table *table, struct process *child);

void process_enter_group(struct process_table *table, struct process *process, uint32_t group);
