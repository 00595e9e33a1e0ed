/*
 * Scheduling: fixed priorities, round robin within one, one bitmap word for each CPU. The kernel does not switch
 * stacks: "to switch" is to set which thread runs when the kernel is left.
 *
 * A time slice belongs to the thread that the scheduler chose. A server that is called runs in the rest of its caller's
 * slice, and that time is counted as the caller's: a client pays for the work of its servers.
 */
#pragma once

#include "kernel/machine/cpu.h"
#include "kernel/run/thread.h"

#define SLICE_NS 10000000ULL /* how long a thread runs before another of its priority does */

/* Lock: kernel lock, for everything here. */

static inline uint32_t sched_top(uint64_t bitmap) { return 63U - (uint32_t)__builtin_clzll(bitmap); }

/* End a slice of this CPU: charge its owner for it. `next` owns the following one; NULL: no thread does. */
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

/*
 * Which ready thread does `cpu` run next? The first of the highest priority. NULL: none is ready, or none of a higher
 * priority than `current`, which runs then. `current` NULL: there is no such thread.
 *
 * This is the only place that decides it. sched_choose() asks when the kernel is left, sched_wait() when a thread waits
 * and nothing else has changed. sched_swap() puts a thread that is in no queue in the place of one that waits for it,
 * such as a server that is called: it asks whether a ready thread would come before that one. The fast path does so
 * only where each ready thread would come after it (CHECK_DIRECT in arch/x86_64/syscall_macros.S): the answer would be
 * NULL.
 */
static inline struct thread *sched_next(const struct cpu *cpu, const struct thread *current) {
    if (cpu->ready_bitmap == 0)
        return NULL;
    uint32_t top = sched_top(cpu->ready_bitmap);
    if (current != NULL && top <= current->priority)
        return NULL;
    return CONTAINER_OF(list_first(&cpu->ready[top]), struct thread, run);
}

/*
 * Make `cpu` choose a thread and arm its timer when it leaves the kernel. If it is another CPU, it is interrupted to
 * enter the kernel.
 */
void sched_unsettle(struct cpu *cpu);

/* Make `thread`, which is in no queue, ready to run. */
void sched_ready(struct thread *thread);

/*
 * sched_ready() for a thread that does not preempt `current`, the running thread. If both have equal priority, it comes
 * after the time slice of `current`, which begins now if none has.
 */
__attribute__((always_inline)) static inline void sched_ready_behind(struct cpu *cpu, const struct thread *current,
                                                                     struct thread *thread) {
    sched_enqueue(cpu, thread, false);
    if (thread->priority != current->priority)
        return;
    uint64_t end_ns = cpu->slice_end_ns;
    if (end_ns == 0)
        cpu->slice_end_ns = end_ns = arch_clock_ns() + SLICE_NS;
    if (end_ns < cpu->armed_ns) /* also if the slice ended while no thread was ready for the next */
        cpu->unsettled = true;  /* sched_leave arms the timer */
}

/* Don't let `thread`, READY or RUNNING, run any more. `state` is its new state. */
void sched_block(struct thread *thread, enum thread_run_state state);

/*
 * Block `running`, the running thread, and run `next`, which is in no queue, in the rest of the time slice, unless a
 * thread of higher priority is ready.
 */
void sched_swap(struct thread *running, enum thread_run_state state, struct thread *next);

/* Make `next`, which is in no queue, the running thread. The thread that ran before is in its new place already. */
void sched_switch(struct cpu *cpu, struct thread *next);

/*
 * If `thread` runs on another CPU, take it from there. Then it is READY, with its registers in its frame, and will
 * repeat the system call or the fault for which it entered the kernel. False, and nothing changed: it entered for a
 * trap, which would not come again; the trap is reported as soon as the lock is free. `lose_trap`: never false, for a
 * thread that won't go on.
 */
bool sched_claim(struct thread *thread, bool lose_trap);

/* Make the CPU of a stopped thread forget it, since the thread is dying or moves to another CPU. */
void sched_forget(struct thread *thread);

/* End the running thread's turn: ready threads of its priority come first. False: there are none. */
bool sched_rotate(struct cpu *cpu);

/*
 * Choose the thread that runs on `cpu` from now on: the highest ready one, if the CPU is free or the running one has
 * lower priority.
 */
void sched_choose(struct cpu *cpu);

/*
 * Let `running`, the running thread, wait. Returns the thread that runs in its place if that takes no decision: the CPU
 * is not unsettled, and the first ready thread is alone in its queue, may run at once (thread_set_direct) and begins a
 * time slice. The caller does the rest, arch_switch() and cpu->current. NULL: it takes a decision, and sched_leave will
 * choose.
 */
__attribute__((always_inline)) static inline struct thread *sched_wait(struct thread *running,
                                                                       enum thread_run_state state) {
    struct cpu *cpu = running->cpu;
    struct thread *next = cpu->unsettled ? NULL : sched_next(cpu, NULL);
    if (next != NULL && next->run.next == next->run.previous && (uint64_t)(uintptr_t)next->direct == cpu->arch.direct &&
        next->slice_left_ns == 0) {
        list_init(CONTAINER_OF(next->run.next, struct list, head));
        cpu->ready_bitmap ^= 1ULL << next->priority;
        next->run.next = next->run.previous = NULL;
        sched_charge(cpu, next);
        running->state = (uint8_t)state;
        next->state = THREAD_RUNNING;
        cpu->slice_end_ns = 0;
        return next;
    }
    cpu->blocked = cpu->unsettled = true;
    running->state = (uint8_t)state;
    return NULL;
}
