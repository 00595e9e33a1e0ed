/*
 * From a trap to its handler: system calls by number, faults to the fault endpoint.
 */
#include "kernel/call.h"
#include "kernel/endpoint.h"
#include "kernel/fastpath.h"
#include "kernel/fault.h"
#include "kernel/lock.h"
#include "kernel/sched.h"
#include "kernel/stay.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

#define ARGUMENTS_0(f)
#define ARGUMENTS_1(f) (f)->target
#define ARGUMENTS_2(f) (f)->target, (f)->info
#define ARGUMENTS_3(f) (f)->target, (f)->info, (f)->words[0]
#define ARGUMENTS_4(f) (f)->target, (f)->info, (f)->words[0], (f)->words[1]
#define ARGUMENTS_5(f) (f)->target, (f)->info, (f)->words[0], (f)->words[1], (f)->words[2]
#define ARGUMENTS_6(f) (f)->target, (f)->info, (f)->words[0], (f)->words[1], (f)->words[2], (f)->words[3]

/* A message call's other results are in the frame already. */
static struct result message_result(struct frame *frame, uint64_t status) {
    if (status != CALL_BLOCKED)
        frame->status = status;
    return result(CALL_BLOCKED);
}

static struct result dispatch(struct thread *self) {
    struct frame *frame = &self->arch.frame;
    switch (frame->status) {
#define SYSCALL(number, name, count, prototype) \
    case number:                                \
        return sys_##name(ARGUMENTS_##count(frame));
#define SYSCALL_MESSAGE(number, name) \
    case number:                      \
        return message_result(frame, sys_##name(self));
#include "kernel/abi/syscall.def"
#undef SYSCALL
#undef SYSCALL_MESSAGE
    default:
        return result(E_CALL);
    }
}

static void leave_unsettled(struct cpu *cpu, const struct thread *self) {
    if (trace.events == 0) {
        sched_leave(cpu);
        return;
    }
    if (cpu->current == self)
        trace_note_return(self);
    sched_leave(cpu);
    trace_note_switch(cpu);
}

/* The way of every call but the commonest two. */
static void enter_slowly(struct cpu *cpu, struct thread *self) {
    struct result result = dispatch(self);
    struct frame *frame = &self->arch.frame;
    if (result.status < CALL_BLOCKED) {
        if (cpu->current == self) { /* it may have deleted itself */
            frame->status = result.status;
            frame->words[0] = result.value;
        }
    } else if (result.status == CALL_RESTART && cpu->current == self) {
        arch_restart_call(frame);
        trace.call = 0; /* it is not over */
    }
    if (cpu->unsettled)
        leave_unsettled(cpu, self);
}

/* True: the call is done, so here and below. */
static bool enter_fast(struct cpu *cpu, struct thread *self, uint64_t number) {
    if (number == SYS_ep_call)
        return fastpath_call(cpu, self);
    return number == SYS_ep_reply_wait && fastpath_reply_wait(cpu, self);
}

/*
 * Somebody wants to see the call: who answers for a foreign thread, the trace, or a test the long way. A traced call
 * leaves the CPU unsettled (trace.c), so that the others need not ask at their end whether there is a trace.
 */
static bool enter_watched(struct cpu *cpu, struct thread *self, uint64_t number) {
    if (trace.events != 0)
        trace_note_call(self, number);
    if (!self->foreign)
        return false;
    fault_raise(self, FAULT_SYSCALL, 0, 0);
    if (cpu->unsettled)
        leave_unsettled(cpu, self);
    return true;
}

void syscall_enter(struct cpu *cpu) {
    stay_begin(cpu);
    kernel_lock();
    struct thread *self = cpu->current;
    uint64_t number = self->arch.frame.status;
    bool done = self->foreign == fastpath_barred ? enter_fast(cpu, self, number) : enter_watched(cpu, self, number);
    if (!done)
        enter_slowly(cpu, self);
    kernel_unlock();
    stay_end(cpu, number);
}
