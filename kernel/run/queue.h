/*
 * Queues of waiting threads: highest priority first. Among equals, senders and those who wait for bits are served in the order
 * in which they came; of the receivers of an endpoint the last that came is first, since its memory is the likeliest to be
 * in the caches. Then both ends of a call touch the top of the heap alone, however many receivers wait.
 *
 * A place is a number: the priority turned round in the highest 6 bits, then 2^57 and the arrivals so far added or taken away.
 * Whoever enters an empty queue may do so as arrival 0, which is `queue_rank`.
 */
#pragma once

#include "kernel/run/thread.h"

/* 57 bits of them: five hundred years at 10^7 a second. */
extern uint64_t queue_arrivals;

static inline void queue_enter(struct heap *queue, struct thread *thread) {
    thread->wait_heap = queue;
    heap_insert(queue, &thread->wait, thread->queue_rank + ++queue_arrivals);
}

/* Before all of the same priority. */
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

/* NULL: nobody waits. */
static inline struct thread *queue_first(const struct heap *queue) {
    struct heap_node *first = heap_first(queue);
    return first == NULL ? NULL : CONTAINER_OF(first, struct thread, wait);
}
