/*
 * The table of processes: the records of processes and threads that all files here work on. Pure.
 *
 * Pids count up, and pid % PROCESS_MAX is the entry in the table, so a pid finds its process at once. A pid whose entry
 * is in use is passed over, and none is given twice in a row. Only process_find_from, which lists processes, looks
 * through the whole table; all else uses the lists that a process is in:
 *
 *   parent --- children    those that have nothing to tell
 *          `-- news        those that have ended, stopped or gone on, and whose parent has not asked yet
 *   groups[group % PROCESS_GROUPS]
 *   due                    those with a signal that may be delivered, or with news that the parent was not told yet
 *
 * The table and the records outlive the program (libsys/program/keep.h). Lists, timers and counts are not noted before
 * they change: restart.h computes them from the records.
 */
#pragma once

#include <stddef.h>

#include "libsys/proto/process.h"
#include "libsys/wire/journal.h"
#include "servers/process/pages/page_allocator.h"
#include "servers/process/records/accounts.h"
#include "servers/process/records/list.h"
#include "servers/process/records/signals.h"
#include "servers/process/records/sizes.h"
#include "servers/process/records/wakes.h"

#define PROCESS_FIRST 1U              /* the process that this server starts by itself; it can't be killed */
#define PROCESS_ALL_THREADS_MAX 2048U /* of all processes together */
#define PROCESS_RESERVE 16U           /* of each, for process 1 and the children that it makes */
_Static_assert(PROCESS_ALL_THREADS_MAX + 2 * PROCESS_MAX <= WAKES_MAX, "a wake for each thread, two for each process");

/* What a thread waits for: the number of the operation whose answer this server has put off. */
enum thread_wait {
    THREAD_RUNS = 0,
    THREAD_WAITS = 6, /* for a child */
    THREAD_SLEEPS = 13,
    THREAD_WAITS_SIGNAL = 24,
    THREAD_JOINS = 31,
    THREAD_WAITS_WORD = 34,
};

struct process_thread {
    struct process *process;
    uint32_t id;
    uint16_t waits;       /* enum thread_wait */
    bool waits_with_mask; /* in signal_wait, or about to run the handler that ends it */
    bool detached;        /* it can't be joined */
    cap_t answer;         /* if it waits: the slot of the right to answer */
    uint64_t wait_for;    /* WAITS: a pid, or PROCESS_ANY; JOINS: a thread; WAITS_WORD: the address */
    union {
        uint32_t wait_flags; /* WAITS */
        uint32_t wait_order; /* WAITS_WORD: lower ones have waited longer */
    };
    uint32_t message_frame;   /* FRAMES_NONE: this number was not used yet */
    struct wake wake;         /* SLEEPS; the timeout of WAITS_WORD; RUNS: when to look again, see served_since_ns */
    uint64_t masked, pending; /* signals: bit n - 1 = signal n; pending: for this thread only */
    uint64_t old_mask;        /* waits_with_mask: to be put back */
    uint64_t served_since_ns; /* it has to run a handler, but another server still serves its call; 0 = no */
    uaddr_t signal_stack;
    uint64_t signal_stack_bytes; /* 0 = handlers run on the stack in use */
    cap_t object;                /* the kernel's thread */
    union {
        struct links in_words; /* WAITS_WORD: with others that do (wait_words.h) */
        uint64_t value;        /* after its end: the value for the thread that joins it */
    };
};
_Static_assert((PROCESS_THREADS_MAX - 1) * sizeof(struct process_thread) <= PAGE_BYTES,
               "all but the first are in one page");

static inline uint32_t thread_number(const struct process_thread *thread) { return thread->id % PROCESS_THREADS_MAX; }

/* By enum process_limit. */
struct limits {
    uint64_t now[PROCESS_LIMITS];
    uint64_t most[PROCESS_LIMITS]; /* the highest value that `now` may be set to */
};

struct process {
    uint32_t pid;
    uint32_t parent; /* 0 = none */
    uint32_t group, session;
    uint32_t named; /* the group that it made the foreground last; 0 = none */
    uint32_t tells; /* PROCESS_STOPPED or CONTINUED: its parent has not asked about it yet; 0 = nothing */
    /* These seven are noted together: process_note_state(). */
    bool orphan;         /* its parent has ended: process 1 counts as its parent, but can't wait for it */
    bool ended;          /* it has ended, and its parent has not waited for it yet */
    bool ending;         /* ... or is about to, whatever happens: `end` says how (ending.h) */
    bool halted;         /* stopped by a signal, whatever its threads do */
    bool goes_on;        /* its threads run again once what is due for it is delivered (it is in `due`) */
    bool hangs_up;       /* its group was orphaned with a stopped member: HUP and CONT are to come (it is in `due`) */
    bool untold;         /* it has ended, stopped or gone on, and its parent is to hear of it (it is in `due`) */
    uint32_t living;     /* threads: bit n = number n */
    uint32_t joinable;   /* ... that have ended and that nobody has joined */
    uint32_t news_order; /* in its parent's news: lower ones are older */
    uint64_t tells_signal;
    uint64_t past_time_ns; /* CPU time of its threads that have ended */
    struct links sibling;  /* in its parent's children or news */
    struct links children, news;
    struct links in_group, in_due;
    struct process_wait_reply end; /* if it has ended: what its parent will be told */
    struct wake alarm;
    struct wake time_limit; /* the earliest time at which its CPU time can be used up */
    struct limits limits;
    uint32_t account; /* in which it counts (accounts.h) */
    uint8_t nice;
    struct signals signals;
    char name[PROCESS_NAME_MAX];
    struct process_thread *more; /* threads with numbers from 1 on; NULL: none was needed yet */
    struct process_thread first; /* number 0 */
};

_Static_assert(offsetof(struct process, living) - offsetof(struct process, orphan) == sizeof(uint64_t),
               "one word has its state");

/* Note a process's state before it changes (libsys/wire/journal.h). */
static inline void process_note_state(const struct process *process) {
    journal_note(&process->orphan, sizeof(uint64_t));
}

struct process_table {
    struct page_allocator *allocator;
    uint64_t record_bytes;
    uint64_t last_pid;
    bool pids_repeat; /* pids have started over once */
    uint32_t count;
    uint32_t thread_count;
    uint32_t last_order; /* of news, and of waits for words */
    uint32_t foreground; /* group, see foreground.h */
    uint32_t keys_group; /* the group that `keys` was for */
    uint64_t keys;       /* signals of Ctrl-C and Ctrl-Z; bit n - 1 = signal n */
    struct links due;
    struct wakes wakes;
    struct accounts accounts;
    struct links groups[PROCESS_GROUPS];
    struct links words[PROCESS_WORDS]; /* threads that wait at words of memory (wait_words.h) */
    struct process *entries[PROCESS_MAX];
};

/*
 * Start with a table that is all zero. record_bytes: size of a process's record with all that the caller keeps behind
 * it, at most a page.
 */
void process_table_init(struct process_table *table, struct page_allocator *allocator, uint64_t record_bytes);

/* The process with this pid. NULL: there is none. */
static inline struct process *process_find(const struct process_table *table, uint64_t pid) {
    struct process *process = table->entries[pid % PROCESS_MAX];
    return process != NULL && process->pid == pid ? process : NULL;
}

/* The living parent that has to be told about a process. NULL: there is none. */
static inline struct process *process_parent(const struct process_table *table, const struct process *process) {
    return process->orphan ? NULL : process_find(table, process->parent);
}

/* The process with the lowest pid from `pid` on. NULL: there is none. */
struct process *process_find_from(const struct process_table *table, uint64_t pid);

/* Is any process in `due`? */
static inline bool process_is_due(const struct process_table *table) { return !list_is_empty(&table->due); }

/* Take a process out of `due`. NULL: none is in it. */
struct process *process_take_due(struct process_table *table);
