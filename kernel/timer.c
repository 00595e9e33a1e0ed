#include "kernel/timer.h"

#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/notification.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

/* Whether a thread's wait has a deadline has changed. */
static void note(struct deadline *deadline) {
    if (deadline->kind == DEADLINE_THREAD)
        thread_set_direct(CONTAINER_OF(deadline, struct thread, deadline));
}

void timer_remove(struct deadline *deadline) {
    heap_remove(&deadline->cpu->deadlines, &deadline->node);
    note(deadline);
}

void timer_set(struct deadline *deadline, struct cpu *cpu, uint64_t when_ns) {
    timer_cancel(deadline);
    if (when_ns == DEADLINE_NEVER)
        return;
    deadline->cpu = cpu;
    heap_insert(&cpu->deadlines, &deadline->node, when_ns);
    note(deadline);
    cpu->unsettled = true;
}

static void expire(struct deadline *deadline) {
    switch (deadline->kind) {
    case DEADLINE_THREAD: {
        struct thread *thread = CONTAINER_OF(deadline, struct thread, deadline);
        thread_cancel(thread);
        thread_wake(thread, E_TIMEOUT);
        break;
    }
    case DEADLINE_NOTIFICATION: {
        struct notification *notification = CONTAINER_OF(deadline, struct notification, deadline);
        notification_raise(notification, notification->timer_bits);
        break;
    }
    }
}

void timer_interrupt(struct cpu *cpu) {
    uint64_t now = arch_clock_ns();
    cpu->timer_ticks++;
    if (trace_wants(TRACE_INTERRUPT))
        trace_note_interrupt(cpu->current, TRACE_TIMER);
    cpu->armed_ns = DEADLINE_NEVER;
    cpu->unsettled = true;
    for (uint32_t i = 0; i < TIMER_BATCH; i++) {
        struct heap_node *first = heap_first(&cpu->deadlines);
        if (first == NULL || first->key > now)
            break;
        struct deadline *deadline = CONTAINER_OF(first, struct deadline, node);
        timer_cancel(deadline);
        expire(deadline);
    }
    if (cpu->slice_end_ns != 0 && now >= cpu->slice_end_ns && sched_rotate(cpu))
        cpu->slice_end_ns = 0; /* else a server runs in the slice: it ends when its owner is back */
}

/*
 * A slice begins when somebody of the same priority starts to wait for its end; as long as nobody does, no timer is
 * needed. The timer is left alone when it will come early enough.
 */
void timer_arm_next(struct cpu *cpu) {
    uint64_t next = DEADLINE_NEVER;
    struct heap_node *first = heap_first(&cpu->deadlines);
    if (first != NULL)
        next = first->key;
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
