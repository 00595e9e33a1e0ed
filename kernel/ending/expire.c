#include "kernel/ending/expire.h"

#include "kernel/ending/reaper.h"
#include "kernel/ipc/notification.h"
#include "kernel/run/sched.h"
#include "kernel/run/timer.h"
#include "kernel/run/trace.h"
#include "kernel/run/wait.h"

static void expire(struct deadline *deadline) {
    if (deadline->kind == DEADLINE_NOTIFICATION) {
        struct notification *notification = CONTAINER_OF(deadline, struct notification, deadline);
        notification_raise(notification, notification->timer_bits);
        return;
    }
    struct thread *thread = CONTAINER_OF(deadline, struct thread, deadline);
    thread_cancel(thread);
    thread_wake(thread, E_TIMEOUT);
}

static void expire_batch(struct cpu *cpu, uint64_t now) {
    uint8_t highest = 0, lowest = 0;
    uint32_t count = 0;
    for (struct deadline *deadline; count < TIMER_BATCH && (deadline = timer_first_due(cpu, now)) != NULL; count++) {
        lowest = deadline->priority;
        highest = count == 0 ? lowest : highest;
        timer_remove(deadline);
        expire(deadline);
    }
    if (count > 0)
        timer_note_batch(cpu, lowest, highest);
}

void timer_interrupt(struct cpu *cpu) {
    uint64_t now = arch_clock_ns();
    cpu->timer_ticks++;
    if (trace_wants(TRACE_INTERRUPT))
        trace_note_interrupt(cpu->current, TRACE_TIMER);
    cpu->armed_ns = DEADLINE_NEVER;
    cpu->unsettled = true;
    expire_batch(cpu, now);
    if (!reaper_is_idle())
        reaper_run(1);
    if (cpu->slice_end_ns != 0 && now >= cpu->slice_end_ns && sched_rotate(cpu))
        cpu->slice_end_ns = 0; /* else a server runs in the slice: it ends when its owner is back */
}
