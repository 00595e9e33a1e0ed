#include "kernel/run/thread.h"

#include "kernel/memory/pool.h"

static uint32_t threads_made;

struct cap_slot no_slot;

void thread_forget_table(struct thread *thread) {
    thread->slots = &no_slot;
    thread->slot_count = 1;
}

struct thread *thread_make(struct pool *pool) {
    struct thread *thread = pool_take_run(pool, 0, FRAME_OBJECT);
    if (thread == NULL)
        return NULL;
    object_init(&thread->object, OBJECT_THREAD, pool, PAGE_BYTES);
    thread->deadline.kind = DEADLINE_THREAD;
    thread->cpu = arch_this_cpu();
    thread->reply_head = cap_pack(thread) | OBJECT_REPLY;
    thread_set_priority(thread, PRIORITY_LOWEST);
    thread_set_direct(thread);
    thread_forget_table(thread);
    thread->id = ++threads_made;
    for (uint64_t i = BOUND_THREAD_REPLY; i <= BOUND_THREAD_MESSAGE; i++)
        (&thread->reply)[i - BOUND_THREAD_REPLY].previous = i;
    arch_thread_init(thread);
    return thread;
}

void thread_set_direct(struct thread *thread) {
    bool plain = !thread->suspended && !thread->foreign && !heap_contains_node(&thread->deadline.node);
    thread->direct = plain ? thread->cpu : NULL;
}

void thread_set_priority(struct thread *thread, uint8_t priority) {
    thread->priority = priority;
    thread->queue_rank = (uint64_t)(PRIORITY_HIGHEST - priority) << QUEUE_PRIORITY_SHIFT | QUEUE_MIDDLE;
}
