/*
 * From a trap to its handler: message calls, and calls that somebody watches. The others go by arch/x86_64/dispatch.S.
 */
#include "kernel/entry/syscall.h"

#include "kernel/calls/endpoint.h"
#include "kernel/entry/leave.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"
#include "kernel/run/trace.h"

/* With BATON_STAYS, where syscall.S takes the lock and gives it back. */
void syscall_stay_begin(void) {
    struct cpu *cpu = arch_this_cpu();
    stay_begin(cpu);
    stay_set_cause(cpu, cpu->current->arch.frame.status);
}

void syscall_stay_end(void) { stay_end(arch_this_cpu()); }

/* The results of a message call but for the status are in the frame already, and CALL_BLOCKED means that this is, too. */
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

/* Only with CALL_BLOCKED may somebody else be the running thread by now; it may also have deleted itself. */
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
 * Somebody wants to see the call: who answers for a foreign thread, the trace, or a test the long way. A traced call
 * leaves the CPU unsettled (trace.c), so that the others need not ask at their end whether there is a trace.
 */
bool syscall_watched(void) {
    struct cpu *cpu = arch_this_cpu();
    struct thread *self = cpu->current;
    uint64_t number = self->arch.frame.status;
    if (trace.events != 0)
        trace_note_call(self, number);
    if (!self->foreign)
        return false;
    self->reaps = 0; /* whether the call is made, and which, is another's affair now */
    fault_raise(self, FAULT_SYSCALL, 0, 0);
    leave(cpu);
    return true;
}
