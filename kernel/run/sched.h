/*
 * Who runs: fixed priorities, round robin within one, one bitmap word a CPU. The kernel does not switch stacks, so "to
 * switch" is to say who will run when the kernel is left.
 *
 * A time slice belongs to the thread that the scheduler chose. A server that is called runs in the rest of its caller's
 * slice, and that time is counted as the caller's: who lets others work pays for it.
 */
#pragma once

#include "kernel/machine/cpu.h"
#include "kernel/run/thread.h"

#define SLICE_NS 10000000ULL /* how long a thread runs before an equal one does */

/* Lock: kernel lock, for everything here. */

static inline uint32_t sched_top(uint64_t bitmap) { return 63U - (uint32_t)__builtin_clzll(bitmap); }

/* A slice of this CPU ends: what was done in it is the owner's, and `next`, or nobody, owns what comes. */
static inline void sched_charge(struct cpu *cpu, struct thread *next) {
    uint64_t now = arch_ticks();
    if (cpu->slice_owner != NULL)
        cpu->slice_owner->cpu_time_ticks += now - cpu->slice_start;
    cpu->slice_start = now;
    cpu->slice_owner = next;
}

/* Put `thread`, which is in no queue, into that of its priority. */
static inline void sched_enqueue(struct cpu *cpu, struct thread *thread, bool at_front) {
    assert(!list_contains_node(&thread->run));
    thread->state = THREAD_READY;
    struct list *queue = &cpu->ready[thread->priority];
    list_insert_before(at_front ? list_first(queue) : &queue->head, &thread->run);
    cpu->ready_bitmap |= 1ULL << thread->priority;
}

/* `cpu` has something to decide when it leaves the kernel. If it is another one, it has to come in for that. */
void sched_unsettle(struct cpu *cpu);

/* `thread`, which is in no queue, may run. */
void sched_ready(struct thread *thread);

/* The same where it comes after `current`, the running thread, or after that one's time slice, which begins if none has. */
__attribute__((always_inline)) static inline void sched_ready_behind(struct cpu *cpu, const struct thread *current,
                                                                     struct thread *thread) {
    sched_enqueue(cpu, thread, false);
    if (thread->priority != current->priority)
        return;
    uint64_t end_ns = cpu->slice_end_ns;
    if (end_ns == 0)
        cpu->slice_end_ns = end_ns = arch_clock_ns() + SLICE_NS;
    if (end_ns < cpu->armed_ns) /* also of a slice that ended when nobody was there to take the next */
        cpu->unsettled = true;  /* sched_leave arms the timer */
}

/* `thread`, READY or RUNNING, may not run any more; `state` is what it is from now on. */
void sched_block(struct thread *thread, enum thread_run_state state);

/*
 * `running`, the running thread, blocks for the sake of `next`, which is in no queue: run that in the rest of the time
 * slice, unless something of higher priority is ready.
 */
void sched_swap(struct thread *running, enum thread_run_state state, struct thread *next);

/* Make `next`, which is in no queue, the running thread; whoever ran before is in its new place already. */
void sched_switch(struct cpu *cpu, struct thread *next);

/*
 * If `thread` runs on another CPU, take it from there: it is READY, with its registers in its frame, and makes the system call or
 * the fault that it came into the kernel for again. False: what it came for is a trap, which would not come again; nothing has
 * changed, and it is reported as soon as the lock is free. `lose_trap`: never false, for a thread that is not to go on.
 */
bool sched_claim(struct thread *thread, bool lose_trap);

/* A thread that is dying or moving to another CPU has stopped: its CPU has no use for it any more. */
void sched_forget(struct thread *thread);

/* The running thread's turn is over; its equals come first. False: it has none. */
bool sched_rotate(struct cpu *cpu);

/* Who runs on `cpu` from now on: the highest ready thread, if the CPU is free or that is higher than the one that runs. */
void sched_choose(struct cpu *cpu);

/*
 * `running`, the running thread, waits. Who is to run in its place, if nothing has to be asked: nobody has unsettled the CPU,
 * and the thread that is ready first is alone in its queue, may run at once (thread_set_direct) and begins a time slice. What
 * is left to do, arch_switch() and cpu->current, is the caller's. NULL: it is not so, and sched_leave will choose.
 */
__attribute__((always_inline)) static inline struct thread *sched_wait(struct thread *running,
                                                                       enum thread_run_state state) {
    struct cpu *cpu = running->cpu;
    if (cpu->ready_bitmap != 0 && !cpu->unsettled) {
        uint32_t top = sched_top(cpu->ready_bitmap);
        struct list *queue = &cpu->ready[top];
        struct thread *next = CONTAINER_OF(list_first(queue), struct thread, run);
        if (next->run.next == &queue->head && (uint64_t)(uintptr_t)next->direct == cpu->arch.direct &&
            next->slice_left_ns == 0) {
            next->run.next = next->run.previous = NULL;
            list_init(queue);
            cpu->ready_bitmap ^= 1ULL << top;
            sched_charge(cpu, next);
            running->state = (uint8_t)state;
            next->state = THREAD_RUNNING;
            cpu->slice_end_ns = 0;
            return next;
        }
    }
    cpu->blocked = cpu->unsettled = true;
    running->state = (uint8_t)state;
    return NULL;
}
