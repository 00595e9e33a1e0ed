/*
 * The threads of a process: which there are, and what each waits for. Pure: how one comes to run is in objects.h.
 *
 *   struct process
 *     |- first      thread number 0
 *     `- more ----> a page of the page allocator: numbers 1 .. PROCESS_THREADS_MAX - 1, when one of them is needed
 *
 * A number is used again after its thread is gone; message page and capability `process` of the number stay with the
 * process. The id, by which the process knows a thread, is not: id % PROCESS_THREADS_MAX is the number.
 */
#pragma once

#include "servers/process/records/table.h"

/* The record of a number, alive or not. NULL: none but the first was needed yet. */
static inline struct process_thread *thread_at(struct process *process, uint32_t number) {
    if (number == 0)
        return &process->first;
    return process->more != NULL && number < PROCESS_THREADS_MAX ? &process->more[number - 1] : NULL;
}

/*
 * A new thread, with this number, which nobody has, or the lowest free one.
 * Errors: P_LIMIT the process has PROCESS_THREADS_MAX, or all processes together
 *         PROCESS_ALL_THREADS_MAX, less PROCESS_RESERVE if it is not of process 1 or the first one of a child of that; P_NO_MEMORY.
 */
#define THREAD_ANY PROCESS_THREADS_MAX
MUST_USE uint32_t thread_begin(struct process_table *table, struct process *process, uint32_t number,
                               struct process_thread **ret_thread);

/* It runs no more. Whether it can be joined from now on is for thread_keep. */
void thread_end(struct process_table *table, struct process_thread *thread);

/* One that has ended stays until somebody joins it. */
void thread_keep(struct process_thread *thread, uint64_t value);
void thread_join(struct process_thread *thread);

bool thread_is_alive(const struct process_thread *thread);

/* Thread `id`, alive or to be joined. NULL: there is none. */
struct process_thread *thread_find(struct process *process, uint64_t id);

/* The living ones in turn: the next after `last`, NULL = the first. NULL: there is no further one. */
struct process_thread *thread_next(struct process *process, const struct process_thread *last);

/* The living one that waits so, for this. NULL: none does. */
struct process_thread *thread_find_waiter(struct process *process, enum thread_wait waits, uint64_t wait_for);
