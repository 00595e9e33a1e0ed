/*
 * The way into the kernel and out of it, as in arch/x86_64/syscall.S, entry.S, interrupt.c and thread_state.c. Like the
 * generic kernel it is compiled so that loads and stores are steps. A CPU's registers are on its stack here.
 */
#include "kernel/arch.h"
#include "kernel/arch/x86_64/contract/offsets.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/interrupt.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/assert.h"
#include "kernel/ending/expire.h"
#include "kernel/entry/leave.h"
#include "kernel/entry/syscall.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/machine/call.h"
#include "kernel/machine/lock.h"
#include "kernel/run/fastpath.h"
#include "kernel/run/sched.h"
#include "kernel/run/thread.h"
#include "kernel/run/timer.h"
#include "test/host/kernel/machine_rest.h"
#include "test/host/kernel/schedules/world.h"

#define VECTOR_OUTSIDE 0xf0U /* any external interrupt */

static void save(struct thread *thread, const struct live *live, uint64_t vector) {
    struct frame *frame = &thread->arch.frame;
    frame->rip = live->rip;
    frame->rsp = live->rsp;
    frame->vector = vector;
    frame->status = live->status;
    frame->target = live->target;
    frame->info = live->info;
    for (uint32_t i = 0; i < 4; i++)
        frame->words[i] = live->words[i];
}

void entry_leave(struct live *live) {
    const struct frame *frame = &arch_this_thread()->arch.frame;
    live->rip = frame->rip;
    live->rsp = frame->rsp;
    live->status = frame->status;
    live->target = frame->target;
    live->info = frame->info;
    for (uint32_t i = 0; i < 4; i++)
        live->words[i] = frame->words[i];
}

/* syscall_entry */
void entry_call(struct live *live) {
    struct cpu *cpu = arch_this_cpu();
    save(arch_this_thread(), live, FRAME_SYSCALL);
    if (fast_path(cpu, live))
        return;
    uint32_t ticket = __atomic_fetch_add(&kernel_ticket_lock.next, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&kernel_ticket_lock.serving, __ATOMIC_ACQUIRE) != ticket) {
        kernel_lock_wait(ticket);
        if (cpu->blocked) {
            syscall_claimed();
            entry_leave(live);
            return;
        }
    }
    syscall_stay_begin();
    machine_run_call(cpu);
    entry_leave(live);
}

void entry_first(uint32_t cpu) {
    kernel_lock_first();
    sched_start(&world.cpus[cpu]);
}

/* As fpu.c. One number stands for all of a thread's FPU registers. */
static void fpu_close(struct cpu *cpu) {
    user_fpu_move(cpu->index, cpu->arch.fpu_owner, false);
    cpu->arch.fpu_owner = NULL;
    fastpath_update(cpu);
}

static void fpu_use(struct cpu *cpu, struct thread *thread) {
    assert(cpu->arch.fpu_owner == NULL);
    user_fpu_move(cpu->index, thread, true);
    cpu->arch.fpu_owner = thread;
    fastpath_update(cpu);
}

static void user_exception(struct cpu *cpu, struct thread *thread, uint64_t vector, uint64_t address) {
    if (cpu->blocked)
        return;
    if (vector == VECTOR_PAGE_FAULT)
        fault_raise(thread, FAULT_PAGE, address, 0);
    else if (vector == VECTOR_NO_FPU)
        fpu_use(cpu, thread);
    else
        fault_raise(thread, FAULT_BREAKPOINT, 0, 0);
}

static void external(struct cpu *cpu, uint32_t pending) {
    if (pending == PENDING_TIMER)
        timer_interrupt(cpu);
}

/* As interrupt_enter. vector 0: an external interrupt, whose number is asked for now. */
void entry_interrupt(struct live *live, uint64_t vector, uint64_t address) {
    struct cpu *cpu = arch_this_cpu();
    struct thread *thread = arch_this_thread();
    uint32_t pending = vector == 0 ? user_wait() : 0;
    save(thread, live, vector == 0 ? VECTOR_OUTSIDE : vector);
    kernel_lock();
    if (vector == 0)
        external(cpu, pending);
    else
        user_exception(cpu, thread, vector, address);
    if (cpu->unsettled)
        sched_leave(cpu);
    kernel_unlock();
    entry_leave(live);
}

/* Take all pending interrupts, as a CPU does with interrupts on. */
void arch_idle(bool sleeps) {
    while (sleeps || user_is_interrupted()) {
        uint32_t pending = user_wait();
        sleeps = false;
        kernel_lock();
        external(arch_this_cpu(), pending);
        kernel_unlock();
    }
}

void arch_enter_user(void) { user_run(); }

bool arch_entry_undo(struct thread *thread) {
    uint64_t vector = thread->arch.frame.vector;
    if (vector == FRAME_SYSCALL)
        arch_restart_call(&thread->arch.frame);
    return vector != VECTOR_DEBUG && vector != VECTOR_BREAKPOINT && vector != VECTOR_OVERFLOW;
}

static void load_root(struct cpu *cpu, uint64_t root) {
    cpu->arch.root = root;
    user_forget_all(cpu->index);
}

void arch_switch(struct cpu *cpu, struct thread *to) {
    if (cpu->arch.root != to->arch.root) {
        load_root(cpu, to->arch.root);
        cpu->space_switches++;
    }
    if (cpu->arch.fpu_owner != NULL && cpu->arch.fpu_owner != to)
        fpu_close(cpu);
}

void arch_root_leave(uint64_t root) {
    if (arch_this_cpu()->arch.root == root)
        load_root(arch_this_cpu(), sealed_root);
}

void arch_flush(uint64_t root, uaddr_t at, uint64_t page_count) {
    struct cpu *cpu = arch_this_cpu();
    if (cpu->arch.root == root)
        user_forget(cpu->index, root, at, page_count);
}

void arch_thread_release(struct thread *thread) {
    struct cpu *cpu = arch_this_cpu();
    if (cpu->arch.fpu_owner == thread)
        fpu_close(cpu);
}
