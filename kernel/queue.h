/*
 * Queues of waiting threads: highest priority first, first come first served within one.
 */
#pragma once

#include "kernel/thread.h"

/* 58 bits of them: a thousand years at 10^7 a second. Who enters an empty queue may do so as arrival 0. */
extern uint64_t queue_arrivals;

static inline void queue_enter(struct heap *queue, struct thread *thread) {
    thread->wait_heap = queue;
    heap_insert(queue, &thread->wait, thread->queue_rank | ++queue_arrivals);
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
