#include "kernel/run/timer.h"

#include "kernel/run/sched.h"

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

/* The earliest time for due deadlines of this priority (timer.h). On an idle CPU they don't wait. */
static uint64_t not_before(const struct cpu *cpu, uint32_t priority) {
    if (cpu->blocked || priority > cpu->batch_priority)
        return 0;
    bool is_low = priority < cpu->current->priority && cpu->batch_ns < cpu->low_batch_ns;
    return is_low ? cpu->low_batch_ns : cpu->batch_ns;
}

struct deadline *timer_first_due(const struct cpu *cpu, uint64_t now) {
    for (uint64_t rest = cpu->deadline_bitmap; rest != 0;) {
        uint32_t priority = sched_top(rest);
        struct heap_node *first = heap_first(&cpu->deadlines[priority]);
        if (first->key <= now && not_before(cpu, priority) <= now)
            return CONTAINER_OF(first, struct deadline, node);
        rest ^= 1ULL << priority;
    }
    return NULL;
}

void timer_note_batch(struct cpu *cpu, uint8_t lowest, uint8_t highest) {
    uint64_t end = arch_clock_ns();
    cpu->batch_priority = highest;
    cpu->batch_ns = end + TIMER_PAUSE_NS;
    if (!cpu->blocked && lowest < cpu->current->priority)
        cpu->low_batch_ns = end + TIMER_LOW_PAUSE_NS;
}

/* The time of the next batch. DEADLINE_NEVER: no deadline is set. */
static uint64_t next_batch(const struct cpu *cpu) {
    uint64_t next = DEADLINE_NEVER;
    for (uint64_t rest = cpu->deadline_bitmap; rest != 0; rest &= rest - 1) {
        uint32_t priority = (uint32_t)__builtin_ctzll(rest);
        uint64_t ns = heap_first(&cpu->deadlines[priority])->key, from_ns = not_before(cpu, priority);
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
