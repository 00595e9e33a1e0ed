/*
 * The threads of a process: which there are, and what each waits for. Pure: how one comes to run is in body.h.
 *
 *   struct process
 *     |- first      thread number 0
 *     `- more ----> a page of the store: numbers 1 .. PROCESS_THREADS_MAX - 1, when one of them is needed
 *
 * A number is used again after its thread is gone; message page and capability `process` of the number stay with the
 * process. The id, by which the process knows a thread, is not: id % PROCESS_THREADS_MAX is the number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libsys/proto/process.h"
#include "servers/process/list.h"
#include "servers/process/wakes.h"

struct process;
struct process_table;

/* What a thread waits for, of this server: the number of the operation whose answer is put off. */
enum thread_wait {
    THREAD_RUNS = 0,
    THREAD_WAITS = 6, /* for a child */
    THREAD_SLEEPS = 13,
    THREAD_WAITS_SIGNAL = 24,
    THREAD_JOINS = 31,
    THREAD_WAITS_WORD = 34,
};

struct thread {
    struct process *process;
    uint32_t id;
    uint16_t waits;           /* enum thread_wait */
    bool waits_with_mask;     /* in signal_wait, or about to run the handler that ends it */
    bool detached;            /* nobody joins it */
    cap_t answer;             /* it waits: the slot of the right to answer */
    uint64_t wait_for;        /* WAITS: a pid, or PROCESS_ANY; JOINS: a thread; WAITS_WORD: the address */
    uint32_t wait_flags;      /* WAITS */
    uint32_t message_frame;   /* FRAMES_NONE: this number was not used yet */
    struct wake wake;         /* SLEEPS; the timeout of WAITS_WORD; RUNS: when to look again, see served_since_ns */
    uint64_t masked, pending; /* signals: bit n - 1 = signal n; pending: for this thread only */
    uint64_t old_mask;        /* waits_with_mask: to be put back */
    uint64_t served_since_ns; /* it is to run a handler, but another server serves its call; 0 = it is not so */
    uaddr_t signal_stack;
    uint64_t signal_stack_bytes; /* 0 = handlers run where the stack is */
    cap_t object;                /* the kernel's */
    union {
        struct list in_words; /* WAITS_WORD: with others that do (words.h) */
        uint64_t value;       /* it has ended: what whoever joins it is told */
    };
};
_Static_assert((PROCESS_THREADS_MAX - 1) * sizeof(struct thread) <= PAGE_BYTES, "all but the first are in one page");

static inline uint32_t thread_number(const struct thread *thread) { return thread->id % PROCESS_THREADS_MAX; }

/* The record of a number, alive or not. NULL: none but the first was needed yet. */
struct thread *thread_at(struct process *process, uint32_t number);

/*
 * A new thread, with this number, which nobody has, or the lowest free one.
 * Errors: P_LIMIT the process has PROCESS_THREADS_MAX, or all processes together
 *         PROCESS_ALL_THREADS_MAX, less PROCESS_RESERVE if it is not of process 1 or the first one of a child of that; P_NO_MEMORY.
 */
#define THREAD_ANY PROCESS_THREADS_MAX
MUST_USE uint32_t thread_begin(struct process_table *table, struct process *process, uint32_t number,
                               struct thread **ret_thread);

/* It runs no more. Whether it can be joined from now on is for thread_keep. */
void thread_end(struct process_table *table, struct thread *thread);

/* One that has ended stays until somebody joins it. */
void thread_keep(struct thread *thread, uint64_t value);
void thread_join(struct thread *thread);

bool thread_is_alive(const struct thread *thread);

/* Thread `id`, alive or to be joined. NULL: there is none. */
struct thread *thread_find(struct process *process, uint64_t id);

/* The living ones in turn: the next after `last`, NULL = the first. NULL: there is no further one. */
struct thread *thread_next(struct process *process, const struct thread *last);

/* The living one that waits so, for this. NULL: none does. */
struct thread *thread_find_waiter(struct process *process, enum thread_wait waits, uint64_t wait_for);
