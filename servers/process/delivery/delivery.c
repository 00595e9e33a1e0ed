#include "servers/process/delivery/delivery.h"

#include "kernel/abi/thread.h"
#include "libsys/program/program.h"
#include "libsys/runtime/print.h"
#include "libsys/text/string.h"
#include "servers/process/answers/answer.h"
#include "servers/process/answers/timer.h"
#include "servers/process/delivery/raise.h"
#include "servers/process/delivery/time_limit.h"
#include "servers/process/ending/ending.h"

#define RED_ZONE_BYTES \
    128U /* below the stack pointer, which a function may use. Source: System V ABI AMD64, "The Stack Frame" */
_Static_assert(sizeof(struct process_signal_frame) % 16 == 0, "the stack stays as aligned as it was");
_Static_assert(sizeof(struct thread_registers) == sizeof((struct process_signal_frame){0}.registers),
               "a frame has all registers");

static struct server_context *const context = &served_context;

/* ---- handlers ---- */

/* A frame on its way to a stack or from there. */
static struct process_signal_frame *frame_in_work(void) { return (void *)(context->work.bytes + WORK_SCRATCH_OFFSET); }

/* Set the FPU state with which a thread, stopped or in a fault, goes on; NULL: the initial one. */
static bool set_fpu(const struct process_thread *thread, const struct thread_fpu *fpu) {
    struct thread_fpu *staged = thread_fpu_in(program.message);
    if (fpu != NULL)
        memcpy(staged, fpu, sizeof *staged);
    else
        staged->components = 0;
    return sys_thread_write(thread->object, THREAD_FPU).status == OK;
}

/*
 * Place a handler's frame: below the red zone of the interrupted function, or at the top of the alternate stack, if
 * there is one and it is not in use. False: less room would be left on that stack below the frame than a handler may
 * count on.
 */
static bool place_frame(const struct process_thread *thread, uaddr_t rsp, uint64_t length_bytes, uaddr_t *ret_at) {
    uaddr_t bottom = thread->signal_stack;
    uint64_t size_bytes = thread->signal_stack_bytes;
    bool in_use = rsp - bottom - 1 < size_bytes; /* the pointer of an empty stack is its end */
    uaddr_t top = size_bytes == 0 || in_use ? rsp - RED_ZONE_BYTES : bottom + size_bytes;
    *ret_at = (top & ~(uaddr_t)15) - length_bytes;
    uint64_t room_bytes = *ret_at - bottom;
    return size_bytes == 0 || (room_bytes >= PROCESS_SIGNAL_ROOM && room_bytes < size_bytes);
}

/*
 * Put a frame on the stack, and let `registers` call the handler, behind which the thread has the mask `mask` again.
 * The FPU state that thread_read has put into the message page, if any, goes behind the frame. False: there is no room.
 */
static bool enter_handler(const struct process_thread *thread, struct taken_signal taken,
                          const struct fault_message *fault, uint64_t mask, struct thread_registers *registers) {
    const struct signals *signals = &thread->process->signals;
    struct process_signal_frame *frame = frame_in_work();
    const struct thread_fpu *fpu = thread_fpu_in(program.message);
    uint64_t length_bytes = sizeof *frame;
    uaddr_t at;
    frame->has_fpu = fpu->components != 0;
    if (frame->has_fpu != 0) {
        memcpy(frame + 1, fpu, sizeof *fpu);
        length_bytes += sizeof *fpu;
    }
    memcpy(frame->registers, registers, sizeof frame->registers);
    frame->mask = mask;
    frame->signal = (uint32_t)taken.signal;
    frame->fault = fault != NULL ? fault->kind : 0;
    frame->address = fault != NULL ? fault->address : 0;
    frame->sender = taken.sender;
    uint64_t offset = context->work.run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    bool has_room = place_frame(thread, registers->rsp, length_bytes, &at) &&
                    pager_write(context, &objects_of(thread->process)->incarnation, at, context->work.run.memory,
                                offset, length_bytes) == OK;
    if (!has_room) {
        log_print("process: no room on the stack of process %u, thread %u, for the handler of signal %lu: at 0x%lx",
                  thread->process->pid, thread->id, taken.signal, at);
        return false;
    }
    registers->rip = signals->entry;
    registers->rdi = taken.signal;
    registers->rsi = at;
    registers->rsp = at - 8; /* as after a call instruction */
    registers->rflags = 0;
    return true;
}

static uint64_t mask_behind_handler(const struct process_thread *thread) {
    return thread->waits_with_mask ? thread->old_mask : thread->masked;
}

/* ---- a thread for whose signals there are handlers ---- */

/*
 * While another server serves a call, look whether it has answered: after as much time again as it has taken so far,
 * but within these bounds.
 */
#define LOOK_LEAST_NS 100000ULL
#define LOOK_MOST_NS 10000000ULL

static void look_again(struct process_thread *thread) {
    uint64_t now_ns = sys_clock_read().value;
    if (thread->served_since_ns == 0)
        thread->served_since_ns = now_ns;
    uint64_t served_ns = now_ns - thread->served_since_ns;
    uint64_t next_ns = served_ns < LOOK_LEAST_NS ? LOOK_LEAST_NS : served_ns;
    timer_set_wake(&thread->wake, next_ns > LOOK_MOST_NS ? LOOK_MOST_NS : next_ns);
}

static void look_no_more(struct process_thread *thread) {
    thread->served_since_ns = 0;
    wakes_set(&context->processes.wakes, &thread->wake, DEADLINE_NEVER);
}

static bool is_served_for_long(const struct process_thread *thread) {
    return thread->served_since_ns != 0 && sys_clock_read().value - thread->served_since_ns >= PROCESS_SERVED_MOST_NS;
}

enum pause {
    PAUSE_DONE,   /* it is stopped, and its registers are known */
    PAUSE_LATER,  /* it will stop when its call is answered; a wake looks at it again */
    PAUSE_FAILED, /* the kernel knows no such thread */
};

/*
 * Stop a thread where a handler may begin: between two instructions of its own. A message that no server has received
 * yet is taken back before the registers are read: otherwise the handler's registers would become the message, or would
 * be overwritten by the answer. Puts the FPU state where enter_handler looks for it.
 */
static enum pause pause_thread(struct process_thread *thread, struct thread_registers *ret_registers) {
    const struct thread_state *state = (const void *)program.message->data;
    struct process_signal_wait_reply ran = {0};
    if (thread->answer != 0) {
        (void)sys_thread_suspend(thread->object, 0); /* it must not run on with the answer */
        answer_give(thread, thread->waits == THREAD_WAITS_SIGNAL ? OK : P_INTERRUPTED, &ran);
    }
    struct result found = objects_withdraw(context, thread);
    bool has_no_effect = found.value == SUSPEND_WITHDRAWN;
    if (found.value == SUSPEND_WAITS && is_served_for_long(thread))
        found = sys_thread_suspend(thread->object, SUSPEND_WITHDRAW | SUSPEND_ABANDON);
    if (found.value == SUSPEND_WAITS) {
        look_again(thread);
        return PAUSE_LATER;
    }
    if (thread->served_since_ns != 0)
        look_no_more(thread);
    if (found.status != OK || sys_thread_read(thread->object, THREAD_FPU).status != OK)
        return PAUSE_FAILED;
    *ret_registers = state->registers;
    if (has_no_effect)
        ret_registers->rax = P_INTERRUPTED;
    return PAUSE_DONE;
}

static void end_by(struct process *process, uint64_t signal) {
    struct process_wait_reply end = {.end = PROCESS_KILLED, .value = signal};
    if (signal == PROCESS_SIGKILL && time_is_used_up(process)) {
        end.fault = PROCESS_NO_TIME_LEFT;
        end.limit_ns = process->limits.most[PROCESS_LIMIT_TIME];
    }
    end_process(process, &end);
}

static bool is_due(const struct process_thread *thread) {
    return signals_are_due(thread->process->signals.pending | thread->pending, thread->masked);
}

#define HANDLERS_WRITTEN (1ULL << 63)

/* What the written registers mean for the records. */
static inline void finish(struct process_thread *thread) {
    struct context_handlers *handlers = &context->handlers;
    thread->process->signals.pending = handlers->pending.process;
    thread->pending = handlers->pending.thread;
    thread->masked = handlers->masked;
    thread->waits_with_mask = false;
    context->paused = 0;
    __asm__ volatile("" : : : "memory"); /* last */
    handlers->written = 0;
}

void delivery_finish(void) {
    uint64_t badge = context->handlers.written & ~HANDLERS_WRITTEN;
    if (badge != 0)
        finish(thread_at(process_find(&context->processes, OBJECTS_BADGE_PID(badge)), OBJECTS_BADGE_NUMBER(badge)));
}

/*
 * Enter handlers for all signals that are due. At least one signal is due, and each of them has a handler. False: there
 * is no room.
 */
static bool enter_handlers(const struct process_thread *thread, struct thread_registers *registers) {
    struct context_handlers *handlers = &context->handlers;
    const struct signals *signals = &thread->process->signals;
    struct taken_signal taken;
    handlers->pending = (struct pending_signals){signals->pending, thread->pending};
    handlers->masked = thread->masked;
    uint64_t mask = mask_behind_handler(thread);
    do {
        (void)signals_take(signals, &handlers->pending, handlers->masked, thread->process->pid, &taken);
        if (!enter_handler(thread, taken, NULL, mask, registers))
            return false;
        thread_fpu_in(program.message)->components = 0; /* the next frame's FPU state is the initial one */
        handlers->masked |= signals_handler_mask(signals, taken.signal);
        mask = handlers->masked;
    } while (signals_are_due(handlers->pending.process | handlers->pending.thread, handlers->masked));
    return true;
}

/*
 * Let a paused thread go on with these registers, in its handlers, and with the FPU's initial state if it has another
 * one (has_fpu).
 */
static bool go_on(struct process_thread *thread, const struct thread_registers *registers, bool has_fpu) {
    const struct journal_effect effect = {
        .rax = SYS_thread_write, .rdi = thread->object, .rsi = THREAD_REGISTERS | (has_fpu ? (uint64_t)THREAD_FPU : 0)};
    uint64_t written = HANDLERS_WRITTEN | OBJECTS_BADGE(thread->process->pid, thread_number(thread));
    memcpy(program.message->data, registers, sizeof *registers);
    thread_fpu_in(program.message)->components = 0;
    if (journal_call(&context->handlers.written, &effect, written) != OK)
        return false;
    finish(thread);
    return objects_resume(thread);
}

/* Stop a thread and let its handlers run, now or later. False: its process has ended. */
static bool run_handlers(struct process_thread *thread) {
    struct thread_registers registers;
    enum pause pause = pause_thread(thread, &registers);
    if (pause == PAUSE_LATER)
        return true;
    bool has_fpu = thread_fpu_in(program.message)->components != 0;
    if (pause == PAUSE_DONE && enter_handlers(thread, &registers) && go_on(thread, &registers, has_fpu))
        return true;
    end_by(thread->process, PROCESS_SIGSEGV);
    return false;
}

static void stop(struct process *process, uint64_t signal) {
    process_note_state(process);
    journal_note(&process->tells, sizeof process->tells);
    journal_note(&process->tells_signal, sizeof process->tells_signal);
    process->halted = true;
    process->goes_on = false;
    for (struct process_thread *thread = thread_next(process, NULL); thread != NULL;
         thread = thread_next(process, thread)) {
        (void)sys_thread_suspend(thread->object, 0);
        if (thread->served_since_ns != 0)
            look_no_more(thread); /* its signals are looked at when it goes on */
    }
    process_add_news(&context->processes, process, PROCESS_STOPPED, signal);
}

/*
 * Let a thread go on that no longer has to run handlers: another thread has taken the signal, or the process does not
 * want it any more.
 */
static void release(struct process_thread *thread) {
    look_no_more(thread);
    (void)objects_resume(thread);
}

void delivery_retry(struct process_thread *thread) {
    if (is_due(thread))
        process_note_signals(&context->processes, thread->process);
    else
        release(thread);
}

/*
 * Is this a stop from the terminal for a member of an orphaned group? It is ignored, since no process would let the
 * member go on.
 */
static bool is_left_running(const struct process *process, uint64_t signal) {
    return signal != PROCESS_SIGSTOP && process_group_is_orphaned(&context->processes, process->group);
}

/*
 * Deliver the signals that are due for one thread. Those that end or stop the process come first: they need not wait
 * for what the thread does. False: the process has ended or stopped.
 */
static bool deliver_to(struct process_thread *thread) {
    struct process *process = thread->process;
    struct signals *signals = &process->signals;
    struct taken_signal taken;
    enum signal_action action = SIGNAL_STOP;
    while (action == SIGNAL_STOP && ((signals->pending | thread->pending) & ~signals->handled) != 0) {
        struct pending_signals pending = {signals->pending, thread->pending};
        action = signals_take(signals, &pending, thread->masked | signals->handled, process->pid, &taken);
        if (action != SIGNAL_NOTHING) {
            JOURNAL_SET(signals->pending, pending.process);
            JOURNAL_SET(thread->pending, pending.thread);
        }
        if (action == SIGNAL_END) {
            end_by(process, taken.signal);
            return false;
        }
        if (action == SIGNAL_STOP && !is_left_running(process, taken.signal)) {
            stop(process, taken.signal);
            journal_settle();
            return false;
        }
        journal_settle();
    }
    if (is_due(thread))
        return run_handlers(thread);
    if (thread->served_since_ns != 0)
        release(thread);
    return true;
}

/*
 * Deliver the signals that are due for all threads of a process. A stopped process gets none until it goes on, except
 * KILL, which ends it at once.
 */
static void deliver_all(struct process *process) {
    struct process_thread *thread = thread_next(process, NULL);
    if (process->halted && (process->signals.pending & signal_bit(PROCESS_SIGKILL)) == 0)
        return;
    while (thread != NULL && deliver_to(thread))
        thread = thread_next(process, thread);
    if (thread != NULL || !process->goes_on)
        return; /* the process has ended or stopped, or was not stopped before */
    for (thread = thread_next(process, NULL); thread != NULL; thread = thread_next(process, thread))
        (void)objects_resume(thread);
    process->goes_on = false;
}

/* Tell a parent that its child has ended, stopped or gone on: it gets CHLD, and an answer if it waits for that. */
static void tell_parent(struct process *process) {
    struct process *parent = process_parent(&context->processes, process);
    process_note_state(process);
    process->untold = false;
    if (parent == NULL)
        return; /* the parent has ended meanwhile */
    raise_for_process(parent, PROCESS_SIGCHLD, process->pid);
    if (process->ended && (parent->signals.ignored & signal_bit(PROCESS_SIGCHLD)) != 0)
        process_forget(&context->processes, process);
    answer_waiting(parent);
}

static void hang_up(struct process *process) {
    raise_for_process(process, PROCESS_SIGHUP, 0);
    raise_for_process(process, PROCESS_SIGCONT, 0);
    process->hangs_up = false; /* last: should this server end before, all this happens again */
}

void delivery_run(void) {
    struct process *process;
    while ((process = process_take_due(&context->processes)) != NULL) {
        bool lives = !process->ended; /* once its parent has been told, an ended process may be gone */
        if (process->hangs_up)
            hang_up(process);
        if (process->untold)
            tell_parent(process);
        journal_settle();
        if (lives)
            deliver_all(process);
    }
}

/* ---- faults ---- */

bool delivery_handle_fault(struct process_thread *thread, const struct fault_message *fault, uint64_t signal,
                           struct thread_registers *ret_registers) {
    uint64_t bit = signal_bit(signal);
    if ((thread->process->signals.handled & bit) == 0 || (thread->masked & bit) != 0)
        return false;
    *ret_registers = fault->registers;
    bool entered =
        sys_thread_read(thread->object, THREAD_FPU).status == OK &&
        enter_handler(thread, (struct taken_signal){signal, 0}, fault, mask_behind_handler(thread), ret_registers) &&
        set_fpu(thread, NULL);
    if (entered) {
        JOURNAL_SET(thread->masked, thread->masked | signals_handler_mask(&thread->process->signals, signal));
        JOURNAL_SET(thread->waits_with_mask, false);
    }
    return entered;
}

bool delivery_leave_handler(struct process_thread *thread, const struct fault_message *fault,
                            struct thread_registers *ret_registers) {
    struct process *process = thread->process;
    const struct process_signal_frame *frame = frame_in_work();
    if (fault->kind != FAULT_INSTRUCTION || process->signals.leave == 0 || fault->rip != process->signals.leave)
        return false;
    uint64_t offset = context->work.run.offset_pages * PAGE_BYTES + WORK_SCRATCH_OFFSET;
    uint32_t status = pager_read(context, &objects_of(process)->incarnation, fault->registers.rdi,
                                 context->work.run.memory, offset, sizeof *frame);
    const struct thread_fpu *fpu = frame->has_fpu != 0 ? (const void *)(frame + 1) : NULL;
    if (status == OK && fpu != NULL)
        status = pager_read(context, &objects_of(process)->incarnation, fault->registers.rdi + sizeof *frame,
                            context->work.run.memory, offset + sizeof *frame, sizeof *fpu);
    if (status != OK || !set_fpu(thread, fpu))
        return false;
    memcpy(ret_registers, frame->registers, sizeof *ret_registers);
    thread->masked = signals_maskable(frame->mask);
    process_note_signals(&context->processes, process);
    return true;
}
