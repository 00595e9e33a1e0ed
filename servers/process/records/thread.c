#include "servers/process/records/thread.h"

/* Is a thread left for this process? The last ones are for process 1, and for its children to begin with. */
static bool is_one_left(const struct process_table *table, const struct process *process) {
    if (table->thread_count < PROCESS_ALL_THREADS_MAX - PROCESS_RESERVE)
        return true;
    const struct process *parent = process->living == 0 ? process_parent(table, process) : NULL;
    bool of_first = process->pid == PROCESS_FIRST || (parent != NULL && parent->pid == PROCESS_FIRST);
    return of_first && table->thread_count < PROCESS_ALL_THREADS_MAX;
}

uint32_t thread_begin(struct process_table *table, struct process *process, uint32_t number,
                      struct process_thread **ret_thread) {
    uint32_t taken = process->living | process->joinable;
    if (taken == UINT32_MAX || !is_one_left(table, process))
        return P_LIMIT;
    if (number == THREAD_ANY)
        number = (uint32_t)__builtin_ctz(~taken);
    if (number > 0 && process->more == NULL) {
        process->more = page_allocator_take(table->allocator, PAGE_BYTES);
        if (process->more == NULL)
            return P_NO_MEMORY;
    }
    struct process_thread *thread = thread_at(process, number);
    uint32_t frame = thread->message_frame; /* the message frame stays, and the id goes on from the last one */
    uint32_t id = thread->process == NULL ? number : thread->id + PROCESS_THREADS_MAX;
    if (process->living != 0) { /* else the process is new, and nothing names it yet */
        journal_note(thread, offsetof(struct process_thread, wait_for));
        thread_note_numbers(process);
    }
    *thread = (struct process_thread){
        .process = process, .id = id & INT32_MAX, .message_frame = frame, .wake = {.kind = WAKE_THREAD}};
    process->living |= 1U << number;
    table->thread_count++;
    *ret_thread = thread;
    return OK;
}

void thread_end(struct process_table *table, struct process_thread *thread) {
    wakes_set(&table->wakes, &thread->wake, DEADLINE_NEVER);
    if (thread->waits == THREAD_WAITS_WORD)
        list_remove(&thread->in_words);
    thread->process->living &= ~(1U << thread_number(thread));
    table->thread_count--;
}

void thread_keep(struct process_thread *thread, uint64_t value) {
    thread->value = value;
    thread->process->joinable |= 1U << thread_number(thread);
}

void thread_join(struct process_thread *thread) { thread->process->joinable &= ~(1U << thread_number(thread)); }

bool thread_is_alive(const struct process_thread *thread) {
    return (thread->process->living >> thread_number(thread) & 1) != 0;
}

struct process_thread *thread_find(struct process *process, uint64_t id) {
    struct process_thread *thread = thread_at(process, id % PROCESS_THREADS_MAX);
    uint32_t there = process->living | process->joinable;
    bool is_it = thread != NULL && thread->id == id && (there >> thread_number(thread) & 1) != 0;
    return is_it ? thread : NULL;
}

struct process_thread *thread_next(struct process *process, const struct process_thread *last) {
    uint32_t first = last == NULL ? 0 : thread_number(last) + 1;
    uint32_t rest = first < PROCESS_THREADS_MAX ? process->living >> first << first : 0;
    return rest != 0 ? thread_at(process, (uint32_t)__builtin_ctz(rest)) : NULL;
}

struct process_thread *thread_find_waiter(struct process *process, enum thread_wait waits, uint64_t wait_for) {
    for (struct process_thread *thread = thread_next(process, NULL); thread != NULL;
         thread = thread_next(process, thread))
        if (thread->waits == waits && thread->wait_for == wait_for)
            return thread;
    return NULL;
}
