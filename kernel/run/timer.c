#include "kernel/run/timer.h"

/* A deadline was set or removed: if it is a thread's, update thread->direct. */
static void note(struct deadline *deadline) {
    if (deadline->kind == DEADLINE_THREAD)
        thread_set_direct(CONTAINER_OF(deadline, struct thread, deadline));
}

void timer_remove(struct deadline *deadline) {
    struct cpu *cpu = deadline->cpu;
    heap_remove(&cpu->deadlines[deadline->priority], &deadline->node);
    if (heap_is_empty(&cpu->deadlines[deadline->priority]))
        cpu->deadline_bitmap &= ~(1ULL << deadline->priority);
    note(deadline);
}

void timer_set(struct deadline *deadline, struct cpu *cpu, uint64_t when_ns) {
    timer_cancel(deadline);
    if (when_ns == DEADLINE_NEVER)
        return;
    bool is_thread = deadline->kind == DEADLINE_THREAD;
    deadline->cpu = cpu;
    deadline->priority = (is_thread ? CONTAINER_OF(deadline, struct thread, deadline) : cpu->current)->priority;
    heap_insert(&cpu->deadlines[deadline->priority], &deadline->node, when_ns);
    cpu->deadline_bitmap |= 1ULL << deadline->priority;
    note(deadline);
    sched_unsettle(cpu);
}

void timer_follow(struct deadline *deadline, struct cpu *cpu) {
    if (heap_contains_node(&deadline->node))
        timer_set(deadline, cpu, deadline->node.key);
}

/* The time of the next batch. DEADLINE_NEVER: no deadline is set. */
static uint64_t next_batch(const struct cpu *cpu) {
    uint64_t next = DEADLINE_NEVER;
    for (uint64_t rest = cpu->deadline_bitmap; rest != 0; rest &= rest - 1) {
        uint32_t priority = (uint32_t)__builtin_ctzll(rest);
        uint64_t ns = heap_first(&cpu->deadlines[priority])->key, from_ns = timer_not_before(cpu, priority);
        ns = ns < from_ns ? from_ns : ns;
        next = ns < next ? ns : next;
    }
    return next;
}

/*
 * A slice begins when a thread of equal priority starts to wait for its end; without one, no timer is needed. The timer
 * is not armed again if it will fire early enough.
 */
void timer_arm_next(struct cpu *cpu, uint64_t reap_ns) {
    uint64_t next = next_batch(cpu);
    next = reap_ns < next ? reap_ns : next;
    if (!cpu->blocked && (cpu->ready_bitmap >> cpu->current->priority & 1) != 0) {
        if (cpu->slice_end_ns == 0)
            cpu->slice_end_ns = arch_clock_ns() + SLICE_NS;
        if (cpu->slice_end_ns < next)
            next = cpu->slice_end_ns;
    }
    if (next < cpu->armed_ns) {
        cpu->armed_ns = next;
        arch_timer_arm(next);
    }
}
