#include "kernel/run/sched.h"

#include "kernel/base/tail.h"
#include "kernel/machine/request.h"
#include "kernel/run/fastpath.h"

static void dequeue(struct cpu *cpu, struct thread *thread) {
    list_remove(&thread->run);
    if (list_is_empty(&cpu->ready[thread->priority]))
        cpu->ready_bitmap &= ~(1ULL << thread->priority);
}

void sched_switch(struct cpu *cpu, struct thread *next) {
    next->state = THREAD_RUNNING;
    cpu->current = next;
    cpu->blocked = false;
    arch_switch(cpu, next);
    if (next->foreign || cpu->arch.call_limit == 0)
        fastpath_update(cpu);
}

/*
 * End the slice of `cpu`. If that is another CPU, its time-stamp counter may be ahead of this CPU's; then the slice
 * counts as empty.
 */
static void end_slice(struct cpu *cpu) {
    if ((int64_t)(arch_ticks() - cpu->slice_start) < 0)
        cpu->slice_owner = NULL;
    sched_charge(cpu, NULL);
}

void sched_forget(struct thread *thread) {
    struct cpu *cpu = thread->cpu;
    if (cpu->slice_owner == thread)
        end_slice(cpu);
    if (cpu->current == thread)
        cpu->current = NULL;
}

void sched_unsettle(struct cpu *cpu) {
    if (!cpu->unsettled && cpu != arch_this_cpu())
        arch_interrupt_cpu(cpu);
    cpu->unsettled = true;
}

void sched_ready(struct thread *thread) {
    struct cpu *cpu = thread->cpu;
    const struct thread *current = cpu->current;
    bool comes_next = cpu->blocked || current == NULL || thread->priority > current->priority;
    if (!comes_next && cpu == arch_this_cpu()) {
        sched_ready_behind(cpu, current, thread);
        return;
    }
    sched_enqueue(cpu, thread, false);
    if (comes_next || (thread->priority == current->priority && cpu->slice_end_ns < cpu->armed_ns))
        sched_unsettle(cpu);
}

void sched_block(struct thread *thread, enum thread_run_state state) {
    struct cpu *cpu = thread->cpu;
    if (thread->state == THREAD_READY) {
        dequeue(cpu, thread);
        if (thread->reaps != 0)
            sched_unsettle(cpu); /* the timer goes on with its reaping: arm_timer() in leave.c */
    } else {
        assert(thread->state == THREAD_RUNNING && cpu->current == thread);
        cpu->blocked = true;
        cpu->unsettled = true;
    }
    thread->state = (uint8_t)state;
}

NOT_INLINE static void swap_any(struct thread *running, enum thread_run_state state, struct thread *next) {
    struct cpu *cpu = running->cpu;
    if (next->cpu != cpu || sched_next(cpu, next) != NULL) {
        sched_block(running, state);
        sched_ready(next);
        return;
    }
    if (cpu->ready_bitmap != 0)
        cpu->unsettled = true; /* an equal of `next` may want a time slice to end */
    running->state = (uint8_t)state;
    sched_switch(cpu, next);
}

/* The common case: `next` may run here at once, and no other thread is ready. */
static inline bool swap_quick(struct thread *running, enum thread_run_state state, struct thread *next) {
    struct cpu *cpu = running->cpu;
    if ((uint64_t)(uintptr_t)next->direct != cpu->arch.direct || cpu->ready_bitmap != 0)
        return false;
    running->state = (uint8_t)state;
    next->state = THREAD_RUNNING;
    cpu->current = next;
    arch_switch(cpu, next);
    return true;
}

void sched_swap(struct thread *running, enum thread_run_state state, struct thread *next) {
    if (!swap_quick(running, state, next))
        swap_any(running, state, next);
}

bool sched_rotate(struct cpu *cpu) {
    struct thread *current = cpu->current;
    if (current == NULL || cpu->blocked || (cpu->ready_bitmap >> current->priority & 1) == 0)
        return false;
    sched_enqueue(cpu, current, false);
    cpu->blocked = true;
    cpu->unsettled = true;
    return true;
}

/*
 * Make room for a thread of higher priority: `current` keeps its place in its queue and the rest of its slice. If the
 * slice is used up, `current` goes to the end of the queue.
 */
static void preempt(struct cpu *cpu, struct thread *current) {
    uint64_t now = cpu->slice_end_ns == 0 ? 0 : arch_clock_ns();
    bool used_up = cpu->slice_end_ns != 0 && cpu->slice_end_ns <= now;
    current->slice_left_ns = used_up || cpu->slice_end_ns == 0 ? 0 : cpu->slice_end_ns - now;
    sched_enqueue(cpu, current, !used_up);
}

bool sched_claim(struct thread *thread, bool lose_trap) {
    struct cpu *cpu = thread->cpu;
    if (thread->state != THREAD_RUNNING || cpu == arch_this_cpu())
        return true;
    request_park(cpu);
    if (!arch_entry_undo(thread) && !lose_trap)
        return false;
    preempt(cpu, thread);
    end_slice(cpu);
    cpu->blocked = true;
    cpu->unsettled = true;
    return true;
}

void sched_choose(struct cpu *cpu) {
    struct thread *next = sched_next(cpu, cpu->blocked ? NULL : cpu->current);
    if (next == NULL)
        return;
    if (!cpu->blocked)
        preempt(cpu, cpu->current);
    dequeue(cpu, next);
    sched_charge(cpu, next);
    sched_switch(cpu, next);
    cpu->slice_end_ns = next->slice_left_ns == 0 ? 0 : arch_clock_ns() + next->slice_left_ns;
    next->slice_left_ns = 0;
}
