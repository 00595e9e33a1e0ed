/*
 * The table of processes and its rules: who is whose child, who waits for whom, who may act on whom. Pure: what a
 * process is made of lies in body.h.
 *
 *   begin -> RUNNING <-> WAITING, SLEEPING -> end -> ENDED -> forget         (an orphan is forgotten as it ends)
 *        \-> cancel
 *
 * A pid is never given twice in a row: pids count up, and pid % PROCESS_MAX is the entry, so that a pid finds its
 * process at once; a pid whose entry is taken is passed over.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/proto/process.h"
#include "servers/process/signals.h"

#define PROCESS_MAX 256U
#define PROCESS_FIRST 1U /* the process that this server starts by itself; it can't be killed */

struct process {
    uint32_t pid;    /* 0 = the entry is free */
    uint32_t parent; /* 0 = none */
    uint32_t group, session;
    bool orphan;   /* its parent has ended: process 1 stands in, but waits for it in vain */
    bool halted;   /* stopped by a signal, whatever its state */
    uint32_t news; /* PROCESS_STOPPED or CONTINUED: its parent has not asked about it yet; 0 = none */
    uint64_t news_signal;
    enum process_state state;
    cap_t answer;                  /* WAITING, SLEEPING: the slot of the right to answer */
    uint64_t wait_pid;             /* WAITING: for whom, or PROCESS_ANY */
    uint64_t wait_flags;           /* ... and for what */
    uint64_t wake_ns;              /* SLEEPING: until when */
    struct process_wait_reply end; /* ENDED: what its parent will be told */
    uint64_t alarm_ns;             /* DEADLINE_NEVER = none */
    struct signals signals;
    uaddr_t signal_stack;
    uint64_t signal_stack_bytes; /* 0 = handlers run where the stack is */
    uint64_t old_mask;           /* waits_with_mask: to be put back */
    bool waits_with_mask;        /* in signal_wait, or about to run the handler that ends it */
    uint32_t sender;             /* of the last signal */
    char name[PROCESS_NAME_MAX];
};

struct process_table {
    struct process entries[PROCESS_MAX];
    uint32_t last_pid;
    uint32_t count;
    uint32_t foreground;                    /* group; 0 = none */
    uint64_t signals_due[PROCESS_MAX / 64]; /* by index: processes that may have a signal that can be delivered */
    bool wakes_changed;                     /* process_next_wake may be another than when it was asked last */
};

/* A new process, RUNNING, child of `parent` (0 = none). NULL: the table is full. */
struct process *process_begin(struct process_table *table, uint32_t parent);

/* Undo process_begin, or be done with a process that has ended. */
void process_forget(struct process_table *table, struct process *process);

/* Note that signals are to be looked at, if any can be delivered. Is there such a process? */
void process_note_signals(struct process_table *table, const struct process *process);
bool process_signals_are_due(const struct process_table *table);

/* One of them, no longer noted; NULL = none. */
struct process *process_take_due(struct process_table *table);

/* NULL: there is none with this pid. */
struct process *process_find(struct process_table *table, uint64_t pid);

/* The position of a process in the table, 0..PROCESS_MAX - 1. */
uint32_t process_index(const struct process *process);

/* Its name is the last component of `path`. */
void process_set_name(struct process *process, const char *path);

/*
 * May `caller` act on `target`? A process may act on itself and on all that descends from its parent (its children and
 * siblings, and theirs), process 1 on all, an orphan only on what descends from it. Ancestors are out of reach, since
 * none of them descends from one's parent.
 */
bool process_may_act(struct process_table *table, const struct process *caller, const struct process *target);

/*
 * A process has ended. Its children become orphans; those that had ended are forgotten, and it too if it is one.
 * Returns the process that waits for it, RUNNING again: it is to be told, and the ended one to be forgotten. NULL:
 * nobody waits now.
 */
struct process *process_end(struct process_table *table, struct process *process, const struct process_wait_reply *end);

/*
 * The child that a wait for `pid` (or PROCESS_ANY) with `flags` finds ended, or with news. OK: *ret_child. E_TIMEOUT: there are
 * such children, but there is nothing to tell. P_NO_CHILD: there are none.
 */
MUST_USE uint32_t process_find_news(struct process_table *table, const struct process *caller, uint64_t pid,
                                    uint64_t flags, struct process **ret_child);

/* What a wait is told about a child that process_find_news found; news are told once. */
struct process_wait_reply process_tell(struct process *child);

/* The parent that waits for the news of `child`, RUNNING again; NULL = none does. */
struct process *process_find_waiter(struct process_table *table, const struct process *child);

/* Is any process of this group left? ... in this session? */
bool process_group_exists(const struct process_table *table, uint32_t group);
bool process_group_is_in(const struct process_table *table, uint32_t group, uint32_t session);

/* When the next sleeper wakes, or the next alarm comes; DEADLINE_NEVER = neither. */
uint64_t process_next_wake(const struct process_table *table);

/* A sleeper whose time has come; NULL = none. */
struct process *process_find_due(struct process_table *table, uint64_t now_ns);

/* The process with the lowest pid that is at least `pid`; NULL = none. */
struct process *process_find_from(struct process_table *table, uint64_t pid);
