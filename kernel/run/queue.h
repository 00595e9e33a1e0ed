/*
 * Queues of waiting threads: highest priority first. Among equals, senders and threads waiting for bits are served in
 * order of arrival. Of an endpoint's receivers the last to arrive comes first, since its memory is the likeliest to be
 * in the caches. Then both ends of a call touch only the top of the heap, however many receivers wait.
 *
 * A place is a number. Its highest 6 bits are the inverted priority; the rest is 2^57, plus or minus the number of
 * arrivals so far. A thread that enters an empty queue may do so as arrival 0, which is `queue_rank`.
 */
#pragma once

#include "kernel/run/thread.h"

/* Counts arrivals. 57 bits last five hundred years at 10^7 a second. */
extern uint64_t queue_arrivals;

static inline void queue_enter(struct heap *queue, struct thread *thread) {
    thread->wait_heap = queue;
    heap_insert(queue, &thread->wait, thread->queue_rank + ++queue_arrivals);
}

/* Enter before all threads of the same priority. */
static inline void queue_enter_first(struct heap *queue, struct thread *thread) {
    thread->wait_heap = queue;
    heap_insert(queue, &thread->wait, thread->queue_rank - ++queue_arrivals);
}

static inline void queue_leave(struct thread *thread) {
    if (heap_first(thread->wait_heap) == &thread->wait && thread->wait.left == NULL)
        heap_remove_alone(thread->wait_heap, &thread->wait);
    else
        heap_remove(thread->wait_heap, &thread->wait);
    thread->wait_heap = NULL;
}

/* NULL: no thread waits. */
static inline struct thread *queue_first(const struct heap *queue) {
    struct heap_node *first = heap_first(queue);
    return first == NULL ? NULL : CONTAINER_OF(first, struct thread, wait);
}
