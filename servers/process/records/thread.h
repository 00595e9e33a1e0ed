/*
 * The threads of a process, and what each waits for. Pure: objects.h makes them run.
 *
 *   struct process
 *     |- first      thread number 0
 *     `- more ----> a page of the page allocator: numbers 1 .. PROCESS_THREADS_MAX - 1, when one of them is needed
 *
 * The number of a thread that has gone is used again; its message page and its capability `process` stay with the
 * process. The id, by which a process knows its thread, is not used again: id % PROCESS_THREADS_MAX is the number.
 */
#pragma once

#include "servers/process/records/table.h"

/* The record of a number, alive or not. NULL: no number but 0 was needed yet. */
static inline struct process_thread *thread_at(struct process *process, uint32_t number) {
    if (number == 0)
        return &process->first;
    return process->more != NULL && number < PROCESS_THREADS_MAX ? &process->more[number - 1] : NULL;
}

/*
 * Begin a thread with this number, which must be free, or with the lowest free one (THREAD_ANY).
 * Errors: P_LIMIT the process has PROCESS_THREADS_MAX threads, or all processes together have PROCESS_ALL_THREADS_MAX
 *         (PROCESS_RESERVE fewer, except for threads of process 1 and the first thread of a child of process 1);
 *         P_NO_MEMORY.
 */
#define THREAD_ANY PROCESS_THREADS_MAX
MUST_USE uint32_t thread_begin(struct process_table *table, struct process *process, uint32_t number,
                               struct process_thread **ret_thread);

/* Note which threads live and which can be joined, before that changes (libsys/wire/journal.h). */
static inline void thread_note_numbers(const struct process *process) {
    journal_note(&process->living, sizeof process->living + sizeof process->joinable);
}

/* Note that a thread has ended. thread_keep says whether it can be joined. */
void thread_end(struct process_table *table, struct process_thread *thread);

/* Keep a thread that has ended, with its value, until thread_join. */
void thread_keep(struct process_thread *thread, uint64_t value);
void thread_join(struct process_thread *thread);

bool thread_is_alive(const struct process_thread *thread);

/* Thread `id`, alive or to be joined. NULL: there is none. */
struct process_thread *thread_find(struct process *process, uint64_t id);

/* The living threads in turn: the one after `last`, or the first if `last` is NULL. NULL: there is none left. */
struct process_thread *thread_next(struct process *process, const struct process_thread *last);

/* The living thread that waits in this way for `wait_for`. NULL: there is none. */
struct process_thread *thread_find_waiter(struct process *process, enum thread_wait waits, uint64_t wait_for);
