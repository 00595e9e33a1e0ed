#include "servers/process/deliver.h"

#include "libsys/program.h"
#include "libsys/string.h"
#include "servers/process/serve.h"

#define RED_ZONE_BYTES \
    128U /* below the stack pointer, which a function may use. Source: System V ABI AMD64, "The Stack Frame" */
#define FRAME_BYTES ((sizeof(struct process_signal_frame) + 15) & ~(uint64_t)15)
_Static_assert(sizeof(struct thread_registers) == sizeof((struct process_signal_frame){0}.registers),
               "a frame has all registers");

static struct system *const sys = &served_system;

/* ---- raising ---- */

static void resume(struct process *process) {
    if (!process->halted)
        return;
    process->halted = false;
    process->news = PROCESS_CONTINUED;
    (void)sys_thread_resume(system_body(sys, process)->thread);
    process_note_signals(&sys->processes, process); /* what waited while it was stopped */
    serve_tell_news(process);
}

void deliver_raise(struct process *process, uint64_t signal, uint32_t sender) {
    if (process->state == PROCESS_ENDED || signal == 0)
        return;
    bool protected = process->pid == PROCESS_FIRST && (process->signals.handled & signal_bit(signal)) == 0;
    if (protected)
        return; /* without process 1 there is nothing more to do */
    if (signal == PROCESS_SIGCONT || signal == PROCESS_SIGKILL)
        resume(process);
    signals_raise(&process->signals, signal);
    process->sender = sender;
    process_note_signals(&sys->processes, process);
}

uint32_t deliver_raise_group(uint32_t group, uint64_t signal, const struct process *caller) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *process = &sys->processes.entries[i];
        bool member = process->pid != 0 && process->group == group && process->state != PROCESS_ENDED;
        if (!member || (caller != NULL && !process_may_act(&sys->processes, caller, process)))
            continue;
        deliver_raise(process, signal, caller != NULL ? caller->pid : 0);
        count++;
    }
    return count;
}

/* ---- handlers ---- */

/* Put a frame on the stack, and let `registers` call the handler. False: there is no room for it. */
static bool enter_handler(struct process *process, uint64_t signal, const struct fault_message *fault,
                          struct thread_registers *registers) {
    struct signals *signals = &process->signals;
    struct process_signal_frame frame = {.mask = process->waits_with_mask ? process->old_mask : signals->masked,
                                         .signal = signal,
                                         .fault = fault != NULL ? fault->kind : 0,
                                         .address = fault != NULL ? fault->address : 0,
                                         .sender = fault != NULL ? 0 : process->sender};
    memcpy(frame.registers, registers, sizeof frame.registers);
    uaddr_t top = registers->rsp - RED_ZONE_BYTES, stack = process->signal_stack;
    bool is_there = top - stack < process->signal_stack_bytes;
    if (process->signal_stack_bytes != 0 && !is_there)
        top = stack + process->signal_stack_bytes;
    uaddr_t at = (top & ~(uint64_t)15) - FRAME_BYTES;
    memcpy(sys->work.bytes + WORK_SCRATCH_OFFSET, &frame, sizeof frame);
    uint64_t offset = sys->work.run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status =
        pager_write(sys, &system_body(sys, process)->incarnation, at, sys->work.run.memory, offset, sizeof frame);
    if (status != OK)
        return false;
    signals_begin_handler(signals, signal);
    process->waits_with_mask = false;
    registers->rip = signals->entry;
    registers->rdi = signal;
    registers->rsi = at;
    registers->rsp = at - 8; /* as behind a call */
    registers->rflags = 0;
    return true;
}

/* Stop the thread where it is, and read its registers. Where it waits for a server, the wait ends. */
static bool interrupt(struct process *process, struct thread_registers *ret_registers, uint64_t *ret_run_state) {
    cap_t thread = system_body(sys, process)->thread;
    struct thread_state state;
    if (process->answer != 0)
        serve_answer_interrupted(process);
    if (sys_thread_suspend(thread).status != OK || sys_thread_read(thread).status != OK)
        return false;
    memcpy(&state, program.message->data, sizeof state);
    *ret_registers = state.registers;
    *ret_run_state = state.run_state;
    if (state.run_state == THREAD_IN_CALL)
        ret_registers->rax = P_INTERRUPTED;
    else if (state.run_state == THREAD_IN_SIGNAL || state.run_state == THREAD_IN_WAIT)
        ret_registers->rax = E_CANCEL; /* what a wait of the kernel's own can answer */
    return true;
}

/* Let it go on there. A call that it waits in ends by a handover to where it is already. */
static bool go_on(struct process *process, const struct thread_registers *registers, uint64_t run_state) {
    const struct body *body = system_body(sys, process);
    memcpy(program.message->data, registers, sizeof *registers);
    if (run_state == THREAD_IN_CALL || run_state == THREAD_IN_SIGNAL || run_state == THREAD_IN_WAIT)
        return sys_thread_handover(body->thread, body->incarnation.space,
                                   HANDOVER_RESUME | HANDOVER_ABSENT_ENTRY | HANDOVER_ABSENT_STACK)
                   .status == OK;
    return sys_thread_write(body->thread).status == OK && sys_thread_resume(body->thread).status == OK;
}

static void end_by(struct process *process, uint64_t signal) {
    struct process_wait_reply end = {.end = PROCESS_KILLED, .value = signal};
    serve_end_process(process, &end);
}

static void handle(struct process *process, uint64_t signal) {
    struct thread_registers registers;
    uint64_t run_state;
    bool entered = interrupt(process, &registers, &run_state) && enter_handler(process, signal, NULL, &registers) &&
                   go_on(process, &registers, run_state);
    if (!entered)
        end_by(process, PROCESS_SIGSEGV);
}

static void stop(struct process *process, uint64_t signal) {
    process->halted = true;
    process->news = PROCESS_STOPPED;
    process->news_signal = signal;
    (void)sys_thread_suspend(system_body(sys, process)->thread);
    serve_tell_news(process);
}

static void deliver_to(struct process *process) {
    uint64_t signal;
    while (process->pid != 0 && process->state != PROCESS_ENDED && !process->halted) {
        switch (signals_take(&process->signals, &signal)) {
        case SIGNAL_NOTHING:
            return;
        case SIGNAL_END:
            end_by(process, signal);
            return;
        case SIGNAL_STOP:
            stop(process, signal);
            return;
        case SIGNAL_HANDLE:
            handle(process, signal);
            break;
        }
    }
}

void deliver_due(void) {
    struct process *process;
    while ((process = process_take_due(&sys->processes)) != NULL) /* an end raises CHLD */
        deliver_to(process);
}

/* ---- faults ---- */

bool deliver_fault(struct process *process, const struct fault_message *fault, uint64_t signal,
                   struct thread_registers *ret_registers) {
    uint64_t bit = signal_bit(signal);
    if ((process->signals.handled & bit) == 0 || (process->signals.masked & bit) != 0)
        return false;
    *ret_registers = fault->registers;
    return enter_handler(process, signal, fault, ret_registers);
}

bool deliver_leave(struct process *process, const struct fault_message *fault, struct thread_registers *ret_registers) {
    struct process_signal_frame frame;
    if (fault->kind != FAULT_INSTRUCTION || process->signals.leave == 0 || fault->rip != process->signals.leave)
        return false;
    uint64_t offset = sys->work.run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status = pager_read(sys, &system_body(sys, process)->incarnation, fault->registers.rdi,
                                 sys->work.run.memory, offset, sizeof frame);
    if (status != OK)
        return false;
    memcpy(&frame, sys->work.bytes + WORK_SCRATCH_OFFSET, sizeof frame);
    memcpy(ret_registers, frame.registers, sizeof *ret_registers);
    signals_set_mask(&process->signals, frame.mask);
    process_note_signals(&sys->processes, process);
    return true;
}

void deliver_alarms(uint64_t now_ns) {
    for (uint32_t i = 0; i < PROCESS_MAX; i++) {
        struct process *process = &sys->processes.entries[i];
        if (process->pid == 0 || process->state == PROCESS_ENDED || process->alarm_ns > now_ns)
            continue;
        process->alarm_ns = DEADLINE_NEVER;
        deliver_raise(process, PROCESS_SIGALRM, 0);
    }
}
