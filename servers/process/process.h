/*
 * The table of processes and its rules: who is whose child, who waits for whom, who may act on whom. Pure, but for the
 * pages of the server's own that it takes from the store. What a process is made of lies in body.h.
 *
 *   begin -> lives -> end -> ended -> forget         (an orphan is forgotten as it ends)
 *        \-> forget
 *
 * A pid is never given twice in a row: pids count up, and pid % PROCESS_MAX is the entry, so that a pid finds its
 * process at once; a pid whose entry is taken is passed over. Only process_find_from looks through all processes, for a
 * list of them; else a process is in lists with those that have to do with it:
 *
 *   parent --- children    those that have nothing to tell
 *          `-- news        those that have ended, stopped or gone on, and it was not told yet
 *   groups[group % PROCESS_GROUPS]
 *   due                    those that may have a signal that can be delivered, or news that nobody was told yet
 */
#pragma once

#include "servers/process/accounts.h"
#include "servers/process/list.h"
#include "servers/process/signals.h"
#include "servers/process/store.h"
#include "servers/process/thread.h"

#define PROCESS_MAX 1024U
#define PROCESS_GROUPS 256U
#define PROCESS_WORDS 256U
#define PROCESS_FIRST 1U              /* the process that this server starts by itself; it can't be killed */
#define PROCESS_ALL_THREADS_MAX 2048U /* of all processes together */
#define PROCESS_RESERVE 16U           /* of each, for process 1 and the children that it makes */
_Static_assert(PROCESS_ALL_THREADS_MAX + 2 * PROCESS_MAX <= WAKES_MAX, "a wake for each thread, two for each process");

/* By enum process_limit. */
struct limits {
    uint64_t now[PROCESS_LIMITS];
    uint64_t most[PROCESS_LIMITS]; /* what `now` can be set to */
};

struct process {
    uint32_t pid;
    uint32_t parent; /* 0 = none */
    uint32_t group, session;
    uint32_t named;    /* the group that it made the foreground last; 0 = none */
    bool orphan;       /* its parent has ended: process 1 stands in, but waits for it in vain */
    bool ended;        /* its parent has not waited for it yet */
    bool halted;       /* stopped by a signal, whatever its threads do */
    bool goes_on;      /* its threads are to run again, behind what is due for it (it is in `due`) */
    uint32_t living;   /* threads: bit n = number n */
    uint32_t joinable; /* ... that have ended and that nobody has joined */
    uint32_t tells;    /* PROCESS_STOPPED or CONTINUED: its parent has not asked about it yet; 0 = nothing */
    bool hangs_up;     /* its group was orphaned with a stopped member: HUP and CONT are to come (it is in `due`) */
    bool untold;       /* it has ended, stopped or gone on, and its parent is to hear of it (it is in `due`) */
    uint64_t tells_signal;
    uint64_t past_time_ns; /* of the CPU: what threads used that have ended */
    struct list sibling;   /* in its parent's children or news */
    struct list children, news;
    struct list in_group, in_due;
    struct process_wait_reply end; /* ended: what its parent will be told */
    struct wake alarm;
    struct wake time_limit; /* it may have used all the time that it has */
    struct limits limits;
    uint32_t account; /* in which it counts, for the limit of processes */
    uint8_t nice;
    struct signals signals;
    char name[PROCESS_NAME_MAX];
    struct thread *more; /* threads with numbers from 1 on; NULL = none was needed yet */
    struct thread first; /* number 0 */
};

struct process_table {
    struct store *store;
    uint64_t record_bytes;
    uint32_t last_pid;
    bool pids_repeat; /* they have started over */
    uint32_t count;
    uint32_t thread_count;
    uint32_t foreground; /* group, see foreground.h */
    uint32_t keys_group; /* whom `keys` was for */
    uint64_t keys;       /* signals of Ctrl-C and Ctrl-Z; bit n - 1 = signal n */
    struct list due;
    struct wakes wakes;
    struct accounts accounts;
    struct list groups[PROCESS_GROUPS];
    struct list words[PROCESS_WORDS]; /* threads that wait at words of memory (words.h) */
    struct process *entries[PROCESS_MAX];
};

/* `table` is zero. record_bytes: of a process and what its caller keeps behind it, at most a page. */
void process_table_init(struct process_table *table, struct store *store, uint64_t record_bytes);

/*
 * A new process, child of `parent` (0 = none), without a thread. It lies at the beginning of a page whose
 * first record_bytes are zero. Errors: P_LIMIT there are PROCESS_MAX, less PROCESS_RESERVE if it is no child of process 1, or a limit of the parent or of one above it; P_NO_MEMORY.
 */
MUST_USE uint32_t process_begin(struct process_table *table, uint32_t parent, struct process **ret_process);

/* Undo process_begin, or be done with a process that has ended. It has no thread any more. */
void process_forget(struct process_table *table, struct process *process);

/* Note that signals are to be looked at, if any can be delivered. Is there a process with such signals, or with untold news? */
void process_note_signals(struct process_table *table, struct process *process);
static inline bool process_is_due(const struct process_table *table) { return !list_is_empty(&table->due); }

/* One of them, no longer noted; NULL = none. */
struct process *process_take_due(struct process_table *table);

/* NULL: there is none with this pid. */
static inline struct process *process_find(const struct process_table *table, uint64_t pid) {
    struct process *process = table->entries[pid % PROCESS_MAX];
    return process != NULL && process->pid == pid ? process : NULL;
}

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

/* The living parent that is to be told about a process; NULL = none. */
struct process *process_parent(const struct process_table *table, const struct process *process);

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

/* The process with the lowest pid that is at least `pid`; NULL = none. */
struct process *process_find_from(const struct process_table *table, uint64_t pid);
