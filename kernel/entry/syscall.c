/*
 * The way from the entry code to the handlers of message calls, and of calls that are watched. Other calls go through
 * arch/x86_64/dispatch.S.
 */
#include "kernel/entry/syscall.h"

#include "kernel/calls/endpoint.h"
#include "kernel/entry/leave.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"
#include "kernel/run/trace.h"

/* With BATON_STAYS syscall.S calls these where it takes the lock and releases it. */
void syscall_stay_begin(void) {
    struct cpu *cpu = arch_this_cpu();
    stay_begin(cpu);
    stay_set_cause(cpu, cpu->current->arch.frame.status);
}

void syscall_stay_end(void) { stay_end(arch_this_cpu()); }

/*
 * Message calls write their results into the frame, except the status. CALL_BLOCKED: the caller waits, and gets its
 * status later.
 */
static uint64_t run_message(struct thread *self, uint64_t number) {
    switch (number) {
#define SYSCALL(number, name, count, prototype)
#define SYSCALL_MESSAGE(number, name) \
    case number:                      \
        return sys_##name(self);
#include "kernel/abi/syscall.def"
#undef SYSCALL
#undef SYSCALL_MESSAGE
    default:
        return E_CALL;
    }
}

struct result syscall_run_message(void) {
    struct thread *self = arch_this_thread();
    uint64_t number = self->arch.frame.status;
    uint64_t status = run_message(self, number);
    if (status != CALL_BLOCKED)
        self->arch.frame.status = status;
    return result(CALL_BLOCKED);
}

static void leave_unsettled(struct cpu *cpu) {
    if (trace.events == 0) {
        sched_leave(cpu);
        return;
    }
    trace_note_return(cpu);
    sched_leave(cpu);
    trace_note_switch(cpu);
}

static void leave(struct cpu *cpu) {
    if (cpu->unsettled)
        leave_unsettled(cpu);
    kernel_unlock();
}

/*
 * Only after CALL_BLOCKED may another thread be the running one. The caller may have deleted itself; then there is
 * none.
 */
void syscall_finish(uint64_t status, uint64_t value) {
    struct cpu *cpu = arch_this_cpu();
    if (status != CALL_BLOCKED && cpu->current != NULL) {
        struct frame *frame = &cpu->current->arch.frame;
        if (status == CALL_RESTART) {
            arch_restart_call(frame);
            trace.call = 0; /* it is not over */
        } else {
            frame->status = status;
            frame->words[0] = value;
        }
    }
    leave(cpu);
}

void syscall_claimed(void) {
    struct cpu *cpu = arch_this_cpu();
    stay_begin(cpu);
    leave(cpu);
}

/*
 * The call is watched because the thread is foreign, a trace runs, or a test bars the fast path. A traced call leaves
 * the CPU unsettled (run/trace.c), so that other calls need not check for a trace at their end.
 */
bool syscall_watched(void) {
    struct cpu *cpu = arch_this_cpu();
    struct thread *self = cpu->current;
    uint64_t number = self->arch.frame.status;
    if (trace.events != 0)
        trace_note_call(self, number);
    if (!self->foreign)
        return false;
    self->reaps = 0; /* from now on the fault's handler decides which call is made, if any */
    fault_raise(self, FAULT_SYSCALL, 0, 0);
    leave(cpu);
    return true;
}
