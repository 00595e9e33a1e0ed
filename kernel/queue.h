/*
 * Queues of waiting threads: highest priority first, first come first served within one.
 */
#pragma once

#include "kernel/thread.h"

extern uint64_t queue_arrivals; /* 58 bits of them: a thousand years at 10^7 a second */

static inline uint64_t queue_key(const struct thread *thread) {
    return (uint64_t)(PRIORITY_HIGHEST - thread->priority) << 58 | queue_arrivals++;
}

static inline void queue_enter(struct heap *queue, struct thread *thread) {
    thread->wait_heap = queue;
    heap_insert(queue, &thread->wait, queue_key(thread));
}

static inline void queue_leave(struct thread *thread) {
    heap_remove(thread->wait_heap, &thread->wait);
    thread->wait_heap = NULL;
}

/* The same where the queue is empty, or the thread alone in it. */
static inline void queue_enter_alone(struct heap *queue, struct thread *thread) {
    thread->wait_heap = queue;
    heap_insert_alone(queue, &thread->wait, queue_key(thread));
}

static inline void queue_leave_alone(struct thread *thread) {
    heap_remove_alone(thread->wait_heap, &thread->wait);
    thread->wait_heap = NULL;
}

/* NULL: nobody waits. */
static inline struct thread *queue_first(const struct heap *queue) {
    struct heap_node *first = heap_first(queue);
    return first == NULL ? NULL : CONTAINER_OF(first, struct thread, wait);
}
