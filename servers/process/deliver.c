#include "servers/process/deliver.h"

#include "kernel/abi/rights.h"
#include "libsys/program.h"
#include "libsys/string.h"
#include "servers/process/serve.h"

#define RED_ZONE_BYTES \
    128U /* below the stack pointer, which a function may use. Source: System V ABI AMD64, "The Stack Frame" */
_Static_assert(sizeof(struct process_signal_frame) % 16 == 0, "the stack stays as aligned as it was");
_Static_assert(sizeof(struct thread_registers) == sizeof((struct process_signal_frame){0}.registers),
               "a frame has all registers");

static struct system *const sys = &served_system;

/* ---- raising ---- */

static void resume(struct process *process) {
    if (!process->halted)
        return;
    process->halted = false;
    for (struct thread *thread = thread_next(process, NULL); thread != NULL; thread = thread_next(process, thread))
        (void)sys_thread_resume(thread->object);
    process_note_signals(&sys->processes, process); /* what waited while it was stopped */
    process_add_news(&sys->processes, process, PROCESS_CONTINUED, 0);
}

/* thread: only for it; NULL = whichever of the process's does not mask it. */
static void raise(struct process *process, struct thread *thread, uint64_t signal, uint32_t sender) {
    if (process->ended || signal == 0)
        return;
    bool protected = process->pid == PROCESS_FIRST && (process->signals.handled & signal_bit(signal)) == 0;
    if (protected)
        return; /* without process 1 there is nothing more to do */
    if (signal == PROCESS_SIGCONT)
        resume(process);
    for (struct thread *at = thread_next(process, NULL); signal == PROCESS_SIGCONT && at != NULL;
         at = thread_next(process, at))
        at->pending &= ~SIGNALS_STOP;
    signals_raise(&process->signals, thread != NULL ? &thread->pending : NULL, signal, sender);
    process_note_signals(&sys->processes, process);
}

void deliver_raise(struct process *process, uint64_t signal, uint32_t sender) { raise(process, NULL, signal, sender); }

void deliver_raise_thread(struct thread *thread, uint64_t signal) {
    bool for_all = signal == PROCESS_SIGKILL || signal == PROCESS_SIGSTOP || signal == PROCESS_SIGCONT;
    raise(thread->process, for_all ? NULL : thread, signal, thread->process->pid);
}

uint32_t deliver_raise_group(uint32_t group, uint64_t signal, const struct process *caller) {
    uint32_t count = 0;
    struct process *process = process_next_in_group(&sys->processes, group, NULL);
    for (; process != NULL; process = process_next_in_group(&sys->processes, group, process)) {
        if (process->ended || (caller != NULL && !process_may_signal(&sys->processes, caller, process)))
            continue;
        deliver_raise(process, signal, caller != NULL ? caller->pid : 0);
        count++;
    }
    return count;
}

/* ---- handlers ---- */

/* Where a frame is on its way to a stack or from there. */
static struct process_signal_frame *frame_in_work(void) { return (void *)(sys->work.bytes + WORK_SCRATCH_OFFSET); }

/* The thread, which is stopped or in a fault, goes on with this FPU state; NULL: the initial one. */
static bool set_fpu(const struct thread *thread, const struct thread_fpu *fpu) {
    struct thread_fpu *staged = thread_fpu_in(program.message);
    if (fpu != NULL)
        memcpy(staged, fpu, sizeof *staged);
    else
        staged->components = 0;
    return sys_thread_write(thread->object, THREAD_FPU).status == OK;
}

/*
 * Put a frame on the stack, and let `registers` call the handler. If thread_read has left an FPU state, that lies behind the
 * frame. False: there is no room.
 */
static bool enter_handler(struct thread *thread, struct taken_signal taken, const struct fault_message *fault,
                          struct thread_registers *registers) {
    const struct signals *signals = &thread->process->signals;
    struct process_signal_frame *frame = frame_in_work();
    const struct thread_fpu *fpu = thread_fpu_in(program.message);
    uint64_t length_bytes = sizeof *frame;
    frame->has_fpu = fpu->components != 0;
    if (frame->has_fpu != 0) {
        memcpy(frame + 1, fpu, sizeof *fpu);
        length_bytes += sizeof *fpu;
    }
    memcpy(frame->registers, registers, sizeof frame->registers);
    frame->mask = thread->waits_with_mask ? thread->old_mask : thread->masked;
    frame->signal = (uint32_t)taken.signal;
    frame->fault = fault != NULL ? fault->kind : 0;
    frame->address = fault != NULL ? fault->address : 0;
    frame->sender = taken.sender;
    uaddr_t top = registers->rsp - RED_ZONE_BYTES, stack = thread->signal_stack;
    bool is_there = top - stack < thread->signal_stack_bytes;
    if (thread->signal_stack_bytes != 0 && !is_there)
        top = stack + thread->signal_stack_bytes;
    uaddr_t at = (top & ~(uint64_t)15) - length_bytes;
    uint64_t offset = sys->work.run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status =
        pager_write(sys, &body_of(thread->process)->incarnation, at, sys->work.run.memory, offset, length_bytes);
    if (status != OK)
        return false;
    thread->masked |= signals_handler_mask(signals, taken.signal);
    thread->waits_with_mask = false;
    registers->rip = signals->entry;
    registers->rdi = taken.signal;
    registers->rsi = at;
    registers->rsp = at - 8; /* as behind a call */
    registers->rflags = 0;
    return true;
}

/* Stop the thread where it is, and read its registers and its FPU's. Where it waits for a server, the wait ends. */
static bool interrupt(struct thread *thread, struct thread_registers *ret_registers, uint64_t *ret_run_state) {
    const struct thread_state *state = (const void *)program.message->data;
    if (thread->answer != 0)
        serve_answer(thread, P_INTERRUPTED, NULL);
    if (sys_thread_suspend(thread->object, 0).status != OK || sys_thread_read(thread->object, THREAD_FPU).status != OK)
        return false;
    *ret_registers = state->registers;
    *ret_run_state = state->run_state;
    if (state->run_state == THREAD_IN_CALL)
        ret_registers->rax = P_INTERRUPTED;
    else if (state->run_state == THREAD_IN_SIGNAL || state->run_state == THREAD_IN_WAIT)
        ret_registers->rax = E_CANCEL; /* what a wait of the kernel's own can answer */
    return true;
}

/*
 * Let it go on there, with the FPU's initial state. A call that it waits in ends by a handover to where it is already. That
 * refuses a page of the stack that is there but may not be written yet, such as one that a fork has left.
 */
static bool go_on(const struct thread *thread, const struct thread_registers *registers, uint64_t run_state) {
    struct incarnation *incarnation = &body_of(thread->process)->incarnation;
    bool waits = run_state == THREAD_IN_CALL || run_state == THREAD_IN_SIGNAL || run_state == THREAD_IN_WAIT;
    if (waits && pager_bring(sys, incarnation, registers->rsp - 8, MEMORY_WRITE) != OK)
        return false;
    memcpy(program.message->data, registers, sizeof *registers);
    if (waits)
        return sys_thread_handover(thread->object, incarnation->space,
                                   HANDOVER_RESUME | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK)
                   .status == OK;
    uint64_t parts = THREAD_REGISTERS | (frame_in_work()->has_fpu != 0 ? THREAD_FPU : 0);
    thread_fpu_in(program.message)->components = 0;
    return sys_thread_write(thread->object, parts).status == OK && sys_thread_resume(thread->object).status == OK;
}

static void end_by(struct process *process, uint64_t signal) {
    struct process_wait_reply end = {.end = PROCESS_KILLED, .value = signal};
    serve_end_process(process, &end);
}

/* False: it has ended. */
static bool handle(struct thread *thread, struct taken_signal taken) {
    struct thread_registers registers;
    uint64_t run_state;
    bool entered = interrupt(thread, &registers, &run_state) && enter_handler(thread, taken, NULL, &registers) &&
                   go_on(thread, &registers, run_state);
    if (!entered)
        end_by(thread->process, PROCESS_SIGSEGV);
    return entered;
}

static void stop(struct process *process, uint64_t signal) {
    process->halted = true;
    for (struct thread *thread = thread_next(process, NULL); thread != NULL; thread = thread_next(process, thread))
        (void)sys_thread_suspend(thread->object, 0);
    process_add_news(&sys->processes, process, PROCESS_STOPPED, signal);
}

/* What is due for one thread. False: that was the end of its process, or it has stopped. */
static bool deliver_to(struct thread *thread) {
    struct process *process = thread->process;
    struct taken_signal taken;
    for (;;) {
        switch (signals_take(&process->signals, &thread->pending, thread->masked, process->pid, &taken)) {
        case SIGNAL_NOTHING:
            return true;
        case SIGNAL_END:
            end_by(process, taken.signal);
            return false;
        case SIGNAL_STOP:
            if (taken.signal != PROCESS_SIGSTOP && process_group_is_orphaned(&sys->processes, process->group))
                continue; /* nobody would let it go on */
            stop(process, taken.signal);
            return false;
        case SIGNAL_HANDLE:
            if (!handle(thread, taken))
                return false;
        }
    }
}

/* What is due for all threads of a process. One that is stopped does nothing before it goes on, but KILL ends it there. */
static void deliver_all(struct process *process) {
    struct thread *thread = thread_next(process, NULL);
    if (process->halted && (process->signals.pending & signal_bit(PROCESS_SIGKILL)) == 0)
        return;
    while (thread != NULL && deliver_to(thread))
        thread = thread_next(process, thread);
}

/* HUP first, so that one without a handler does not run on before it ends. */
static void hang_up(struct process *process) {
    process->hangs_up = false;
    deliver_raise(process, PROCESS_SIGHUP, 0);
    deliver_raise(process, PROCESS_SIGCONT, 0);
}

void deliver_due(void) {
    struct process *process;
    while ((process = process_take_due(&sys->processes)) != NULL) {
        bool lives = !process->ended; /* else it may be gone once its parent has been told */
        if (process->hangs_up)
            hang_up(process);
        if (process->untold)
            serve_tell_parent(process);
        if (lives)
            deliver_all(process);
    }
}

/* ---- faults ---- */

bool deliver_fault(struct thread *thread, const struct fault_message *fault, uint64_t signal,
                   struct thread_registers *ret_registers) {
    uint64_t bit = signal_bit(signal);
    if ((thread->process->signals.handled & bit) == 0 || (thread->masked & bit) != 0)
        return false;
    *ret_registers = fault->registers;
    return sys_thread_read(thread->object, THREAD_FPU).status == OK &&
           enter_handler(thread, (struct taken_signal){signal, 0}, fault, ret_registers) && set_fpu(thread, NULL);
}

bool deliver_leave(struct thread *thread, const struct fault_message *fault, struct thread_registers *ret_registers) {
    struct process *process = thread->process;
    const struct process_signal_frame *frame = frame_in_work();
    if (fault->kind != FAULT_INSTRUCTION || process->signals.leave == 0 || fault->rip != process->signals.leave)
        return false;
    uint64_t offset = sys->work.run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status = pager_read(sys, &body_of(process)->incarnation, fault->registers.rdi, sys->work.run.memory,
                                 offset, sizeof *frame);
    const struct thread_fpu *fpu = frame->has_fpu != 0 ? (const void *)(frame + 1) : NULL;
    if (status == OK && fpu != NULL)
        status = pager_read(sys, &body_of(process)->incarnation, fault->registers.rdi + sizeof *frame,
                            sys->work.run.memory, offset + sizeof *frame, sizeof *fpu);
    if (status != OK || !set_fpu(thread, fpu))
        return false;
    memcpy(ret_registers, frame->registers, sizeof *ret_registers);
    thread->masked = signals_maskable(frame->mask);
    process_note_signals(&sys->processes, process);
    return true;
}
