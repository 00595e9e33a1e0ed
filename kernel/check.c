#include "kernel/check.h"

#include "kernel/cpu.h"
#include "kernel/thread.h"

static bool ready_queues_hold(const struct cpu *cpu) {
    for (uint32_t priority = 0; priority < PRIORITIES; priority++) {
        const struct list *queue = &cpu->ready[priority];
        bool marked = (cpu->ready_bitmap >> priority & 1) != 0;
        if (marked == list_is_empty(queue))
            return false;
        for (const struct list_node *node = queue->head.next; node != &queue->head; node = node->next) {
            const struct thread *thread = CONTAINER_OF(node, struct thread, run);
            if (thread->state != THREAD_READY || thread->priority != priority || thread->cpu != cpu ||
                node->next->previous != node)
                return false;
        }
    }
    return true;
}

uint64_t check_invariants(void) {
    for (uint32_t i = 0; i < cpu_total; i++) {
        uint64_t count;
        if (!ready_queues_hold(cpus[i]))
            return INVARIANT_READY_QUEUES;
        if (!heap_is_well_formed(&cpus[i]->deadlines, &count))
            return INVARIANT_DEADLINES;
    }
    return INVARIANT_NONE;
}
