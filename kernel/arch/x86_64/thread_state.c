/*
 * A thread's registers, and switching from one thread to another.
 */
#include "kernel/arch/x86_64/cpu_init.h"
#include "kernel/arch/x86_64/entry.h"
#include "kernel/arch/x86_64/fpu.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/base/string.h"
#include "kernel/machine/cpu.h"
#include "kernel/run/thread.h"

#define SYSCALL_BYTES 2U

/* The bits of RFLAGS that a user may set: CF PF AF ZF SF TF DF OF AC ID. IF is always 1, IOPL always 0. */
#define FLAGS_USER 0x240dd5U
#define FLAGS_FIXED 0x202U

void arch_thread_init(struct thread *thread) {
    thread->arch.frame.cs = SELECTOR_USER_CODE;
    thread->arch.frame.ss = SELECTOR_USER_DATA;
    thread->arch.frame.rflags = FLAGS_FIXED;
    thread->arch.fpu_used = 0;
}

void arch_thread_clear(struct thread *thread) {
    memory_clear(thread, thread->arch.fpu_saved != 0 ? PAGE_BYTES : sizeof(struct thread));
}

/*
 * DS, ES, FS and GS selectors are not saved for each thread, as 64-bit code has no use for them: a selector that a
 * thread loads may stay until another thread loads one. The FS base belongs to the thread. A program can clear it by
 * loading FS, so it is written if either thread has one.
 */
void arch_switch(struct cpu *cpu, struct thread *to) {
    struct arch_cpu *arch = &cpu->arch;
    arch->tss.rsp[0] = (uint64_t)(uintptr_t)(&to->arch.frame + 1);
    uint64_t root = to->arch.root;
    if (root != arch->root) {
        arch->root = root;
        cpu->space_switches++;
        write_cr3(root);
    }
    if ((to->arch.fs_base | arch->fs_base) != 0) {
        arch->fs_base = to->arch.fs_base;
        write_msr(MSR_FS_BASE, to->arch.fs_base);
    }
    if (arch->fpu_owner != NULL && arch->fpu_owner != to)
        fpu_close(cpu);
}

void arch_root_leave(uint64_t root) {
    struct arch_cpu *arch = &arch_this_cpu()->arch;
    if (arch->root == root) {
        arch->root = sealed_root;
        write_cr3(sealed_root);
    }
}

void arch_thread_release(struct thread *thread) {
    struct cpu *cpu = arch_this_cpu();
    if (cpu->arch.fpu_owner == thread)
        fpu_close(cpu);
}

void arch_restart_call(struct frame *frame) { frame->rip -= SYSCALL_BYTES; }

bool arch_entry_undo(struct thread *thread) {
    uint64_t vector = thread->arch.frame.vector;
    if (vector == FRAME_SYSCALL)
        arch_restart_call(&thread->arch.frame);
    return vector != VECTOR_DEBUG && vector != VECTOR_BREAKPOINT && vector != VECTOR_OVERFLOW;
}

_Noreturn void arch_enter_user(void) { user_return(); }

/*
 * The registers whose place in a frame does not depend on how the thread entered: X(struct thread_registers, struct
 * frame).
 */
#define LOW_ALIKE(X) X(rax, status), X(rbx, rbx), X(rdx, words[0]), X(rsi, info), X(rdi, target), X(rbp, rbp)
#define HIGH_ALIKE(X) X(r8, words[2]), X(r9, words[3]), X(r10, words[1]), X(r12, r12), X(r13, r13), X(r14, r14)
#define ALIKE(X) LOW_ALIKE(X), HIGH_ALIKE(X), X(r15, r15), X(rsp, rsp), X(rip, rip)

/* Member by member, here and below: a compound literal would be built elsewhere and copied. */
void arch_registers_read(const struct thread *thread, struct thread_registers *ret_registers) {
    const struct frame *frame = &thread->arch.frame;
    bool came_by_syscall = frame->vector == FRAME_SYSCALL;
#define READ(name, place) ret_registers->name = frame->place
    ALIKE(READ);
    ret_registers->rcx = came_by_syscall ? frame->rip : frame->rcx;
    ret_registers->r11 = came_by_syscall ? frame->rflags : frame->r11;
    ret_registers->rflags = frame->rflags;
    ret_registers->fs_base = thread->arch.fs_base;
}

bool arch_registers_valid(const struct thread_registers *registers) {
    return registers->rip >= USER_LOWEST && registers->rip < USER_LIMIT && registers->rsp < USER_LIMIT + PAGE_BYTES &&
           registers->fs_base < USER_LIMIT;
}

/* The thread leaves by IRET, which restores all registers. If it was about to restart a call, it does not any more. */
void arch_registers_write(struct thread *thread, const struct thread_registers *registers) {
    struct frame *frame = &thread->arch.frame;
    thread->reaps = 0;
#define WRITE(name, place) frame->place = registers->name
    ALIKE(WRITE);
    frame->rcx = registers->rcx;
    frame->r11 = registers->r11;
    frame->vector = frame->error = 0;
    frame->cs = SELECTOR_USER_CODE;
    frame->ss = SELECTOR_USER_DATA;
    frame->rflags = (registers->rflags & FLAGS_USER) | FLAGS_FIXED;
    thread->arch.fs_base = registers->fs_base;
}

void arch_flush(uint64_t root, uaddr_t at, uint64_t page_count) {
    if (arch_this_cpu()->arch.root != root)
        return; /* loading CR3 flushes: there are no address-space ids (PCID) */
    if (page_count > 32) {
        write_cr3(root);
        return;
    }
    for (uint64_t i = 0; i < page_count; i++)
        invalidate_page(at + i * PAGE_BYTES);
}
