#include "kernel/entry/leave.h"

#include "kernel/ending/reaper.h"
#include "kernel/machine/lock.h"
#include "kernel/machine/request.h"
#include "kernel/run/sched.h"
#include "kernel/run/timer.h"
#include "kernel/run/trace.h"

/*
 * What calls unbind, or leave half taken apart because their thread was stopped, is nobody's to reap as long as no CPU idles: so the
 * timer comes for that, too.
 */
static void arm_timer(struct cpu *cpu) {
    timer_arm_next(cpu, reaper_is_idle() || cpu->blocked ? DEADLINE_NEVER : arch_clock_ns() + TIMER_REAP_NS);
}

/*
 * Nobody can run. Take the dead apart, one budget at a time, and sleep when none is left; interrupts come in between. This is the only
 * place where a CPU lets them in without a thread to run.
 *
 * A CPU that sleeps has no ready thread and can be rung: whoever makes a thread ready for it finds it settled, and interrupts it
 * (sched_unsettle). The reaper may have woken a thread of this very CPU, so that is looked at behind it.
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
