/*
 * The handling of interrupts and exceptions.
 */
#include "kernel/arch/x86_64/interrupt.h"
#include "kernel/arch/x86_64/apic.h"
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/fpu.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/arch/x86_64/panic.h"
#include "kernel/ending/expire.h"
#include "kernel/entry/leave.h"
#include "kernel/ipc/endpoint.h"
#include "kernel/ipc/irq.h"
#include "kernel/machine/lock.h"
#include "kernel/machine/log.h"
#include "kernel/run/trace.h"

#define PAGE_FAULT_ACCESS (FAULT_ACCESS_PRESENT | FAULT_ACCESS_WRITE | FAULT_ACCESS_FETCH)

/* Exceptions that are only faults, with their kinds. The others are FAULT_PROTECTION, or need other handling. */
static const uint8_t fault_kinds[VECTOR_EXCEPTIONS] = {
    [VECTOR_DIVIDE] = FAULT_DIVIDE,     [VECTOR_DEBUG] = FAULT_STEP,     [VECTOR_BREAKPOINT] = FAULT_BREAKPOINT,
    [VECTOR_OVERFLOW] = FAULT_OVERFLOW, [VECTOR_BOUND] = FAULT_OVERFLOW, [VECTOR_INVALID_OPCODE] = FAULT_INSTRUCTION,
    [VECTOR_PAGE_FAULT] = FAULT_PAGE,   [VECTOR_X87] = FAULT_FLOAT,      [VECTOR_ALIGNMENT] = FAULT_ALIGNMENT,
    [VECTOR_SIMD] = FAULT_FLOAT,
};

/* Without the first program nobody recovers or ends anything, and nobody hears of its fault unless it says who. */
static void raise(struct thread *thread, enum fault_kind kind, uint64_t address, uint64_t access) {
    if (thread->id == FIRST_THREAD && cap_is_empty(&thread->fault_endpoint))
        panic_at(&thread->arch.frame, "the first program faulted");
    fault_raise(thread, kind, address, access);
}

/* Users must learn nothing of the kernel half: faults there say that no page is present. */
static void page_fault(struct thread *thread, uint64_t address, uint64_t access) {
    if (address >= USER_LIMIT)
        access &= ~(uint64_t)FAULT_ACCESS_PRESENT;
    raise(thread, FAULT_PAGE, address, access);
}

/*
 * An exception of user code. The CPU takes no second NMI before an IRET, so each way out after an NMI must reach one.
 * If the interrupted thread does not go on, another CPU has taken it away or woken another one, and has sent an
 * interrupt for that. That interrupt is pending. It comes before the next thread's first instruction, however that
 * thread leaves the kernel, and ends in an IRET.
 */
static void user_exception(struct cpu *cpu, struct thread *thread, uint64_t vector) {
    uint64_t error = thread->arch.frame.error;
    if (__builtin_expect(cpu->blocked, 0) && vector != VECTOR_NMI && vector != VECTOR_MACHINE_CHECK)
        return; /* another CPU claimed the thread while this one waited: the thread will enter again */
    enum fault_kind kind = fault_kinds[vector];
    if (kind == FAULT_PAGE) {
        page_fault(thread, read_cr2(), error & PAGE_FAULT_ACCESS);
    } else if (kind != 0) {
        raise(thread, kind, 0, 0);
    } else if (vector == VECTOR_NO_FPU) {
        fpu_use(cpu, thread);
    } else if (vector == VECTOR_NMI) {
        panic_take_nmi();
        cpu->nmi_count++; /* otherwise only tests send them; the interrupted thread goes on, by IRET */
    } else if (vector == VECTOR_MACHINE_CHECK || vector == VECTOR_DOUBLE_FAULT) {
        panic_at(&thread->arch.frame, "machine check or double fault");
    } else {
        raise(thread, FAULT_PROTECTION, 0, error);
    }
}

/* Device interrupts, from user mode or idle. */
static void external(struct cpu *cpu, uint64_t vector) {
    if (vector == VECTOR_TIMER) {
        apic_end_of_interrupt();
        timer_interrupt(cpu);
    } else if (vector >= VECTOR_LINES && vector < VECTOR_LINES + IRQ_LINES) {
        irq_fire((uint32_t)(vector - VECTOR_LINES));
        apic_end_of_interrupt();
    } else if (vector == VECTOR_REQUEST) {
        /* its purpose is done: this CPU waited for the lock, or sees now that it is unsettled */
        apic_end_of_interrupt();
    } else if (vector != VECTOR_SPURIOUS) {
        log_line(LOG_WARN, "interrupt", "unexpected vector %u", vector);
        apic_end_of_interrupt();
    }
}

void interrupt_enter(struct cpu *cpu) {
    struct thread *thread = cpu->current;
    uint64_t vector = thread->arch.frame.vector;
    kernel_lock();
    stay_set_cause(cpu, STAY_INTERRUPT + vector);
    if (vector < VECTOR_EXCEPTIONS)
        user_exception(cpu, thread, vector);
    else
        external(cpu, vector);
    if (cpu->unsettled)
        sched_leave(cpu);
    if (trace.events != 0)
        trace_note_switch(cpu);
    kernel_unlock();
}

void interrupt_kernel(struct frame *frame) {
    bool is_boot_only =
        read_cr2() - (uint64_t)(uintptr_t)kernel_image_start < (uint64_t)(kernel_text_start - kernel_image_start);
    if (frame->vector == VECTOR_PAGE_FAULT && is_boot_only)
        panic_at(frame, "what only boot needs was used after boot");
    if (frame->vector < VECTOR_EXCEPTIONS || arch_this_cpu()->arch.idle == 0)
        panic_at(frame, "exception in the kernel");
    kernel_lock();
    stay_set_cause(arch_this_cpu(), STAY_INTERRUPT + frame->vector);
    external(arch_this_cpu(), frame->vector);
    kernel_unlock();
}

void interrupt_ist(struct frame *frame) {
    switch (frame->vector) {
    case VECTOR_NMI:
        panic_take_nmi();
        stack_owner((uint64_t)(uintptr_t)frame)->nmi_count++; /* GS may not point to the CPU's area yet */
        break;
    case VECTOR_DEBUG:
        break; /* a user's trap, pending over SYSCALL after MOV SS: it is dropped */
    case VECTOR_DOUBLE_FAULT:
        panic_at(frame, "double fault");
    default:
        panic_at(frame, "machine check");
    }
}

/* No interrupt comes between STI and the next instruction. */
void arch_idle(bool sleeps) {
    struct arch_cpu *arch = &arch_this_cpu()->arch;
    arch->idle = 1;
    if (sleeps)
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    else
        __asm__ volatile("sti; nop; cli" : : : "memory");
    arch->idle = 0;
}

void arch_relax(void) { __asm__ volatile("pause"); }
