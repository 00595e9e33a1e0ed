#include "kernel/entry/leave.h"

#include "kernel/ending/reaper.h"
#include "kernel/machine/lock.h"
#include "kernel/machine/request.h"
#include "kernel/run/sched.h"
#include "kernel/run/timer.h"
#include "kernel/run/trace.h"

/*
 * Some dead objects have no thread that takes them apart: they were unbound by a call, or their killer was stopped
 * half-way. They would wait until a CPU idles, so the timer fires for them, too.
 */
static void arm_timer(struct cpu *cpu) {
    timer_arm_next(cpu, reaper_is_idle() || cpu->blocked ? DEADLINE_NEVER : arch_clock_ns() + TIMER_REAP_NS);
}

/*
 * No thread can run. Take dead objects apart, one budget at a time, and sleep when none is left; interrupts come in
 * between. This is the only place where a CPU takes interrupts without a thread to run.
 *
 * A sleeping CPU has no ready thread, and another CPU that makes one ready finds it settled and interrupts it
 * (sched_unsettle). The reaper may wake a thread of this very CPU, so the ready queues are checked after it.
 */
static void idle(struct cpu *cpu) {
    sched_charge(cpu, NULL);
    cpu->current = NULL;
    if (trace.events != 0)
        trace_note_switch(cpu);
    bool sleeps = reaper_run(REAPER_BUDGET);
    if (cpu->ready_bitmap != 0)
        return;
    if (sleeps)
        request_none(cpu);
    arm_timer(cpu);
    cpu->unsettled = false;
    assert(cpu->blocked && cpu->ready_bitmap == 0 && !cpu->unsettled);
    kernel_unlock();
    sched_point();
    arch_idle(sleeps);
    kernel_lock();
}

void sched_leave(struct cpu *cpu) {
    for (sched_choose(cpu); cpu->blocked; sched_choose(cpu))
        idle(cpu);
    cpu->unsettled = false;
    arm_timer(cpu);
}

void sched_start(struct cpu *cpu) {
    stay_begin(cpu);
    sched_leave(cpu);
    kernel_unlock();
    arch_enter_user();
}
