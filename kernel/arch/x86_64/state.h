/*
 * The machine's state per thread and per CPU. Plain C: the host build uses it too. entry.S takes offsets from here
 * from offsets.h, so the order of struct frame is the order in which the CPU and the entry code push.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/arch/x86_64/offsets.h"

/*
 * A thread's registers. They are saved straight into the thread: the CPU's stack pointer at an entry from user mode is
 * the end of this frame (TSS.RSP0), so the entry pushes fill it from the end down, and there is nothing to copy.
 */
struct frame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    /* What a system call passes, by its role. As plain arguments: target, info, words 0..3. As plain results: status and
     * word 0. */
    uint64_t words[4]; /* RDX, R10, R8, R9 */
    uint64_t info;     /* RSI */
    uint64_t target;   /* RDI: the endpoint; in what a receiver gets, the badge */
    uint64_t status;   /* RAX: at an entry, the system call's number */
    uint64_t rcx, r11;
    uint64_t vector; /* FRAME_SYSCALL: leave by SYSRET; else by IRET */
    uint64_t error;
    uint64_t rip, cs, rflags, rsp, ss; /* what the CPU pushes */
} __attribute__((aligned(16)));        /* the CPU aligns its stack pointer before it pushes */
_Static_assert(sizeof(struct frame) == 22 * 8, "no padding: its end is where the CPU begins to push");

_Static_assert(offsetof(struct frame, vector) == FRAME_VECTOR, "entry.S");

struct arch_thread {
    struct frame frame;
    uint64_t fs_base;
    uint64_t fpu_used; /* it has FPU state: in its FPU area (fpu.c) or in the registers of the CPU it runs on */
};

struct arch_cpu {
    struct arch_cpu *self;    /* GS:0 */
    struct frame *frame;      /* of the current thread */
    struct frame *frame_end;  /* one past it */
    uint64_t stack_top;       /* the kernel stack of this CPU */
    uint64_t scratch;         /* one register, for a few instructions of an entry */
    uint64_t root;            /* what CR3 holds */
    uint64_t fs_base;         /* what the MSR holds */
    struct thread *fpu_owner; /* whose FPU state the registers hold and CR0.TS lets in; NULL: they hold nobody's */
    struct tss *tss;
    uint64_t apic_id;
    uint64_t idle; /* waits for an interrupt with nothing in its hands: one may come in the kernel */
};
_Static_assert(offsetof(struct arch_cpu, self) == CPU_SELF, "entry.S");
_Static_assert(offsetof(struct arch_cpu, frame) == CPU_FRAME, "entry.S");
_Static_assert(offsetof(struct arch_cpu, frame_end) == CPU_FRAME_END, "entry.S");
_Static_assert(offsetof(struct arch_cpu, stack_top) == CPU_STACK_TOP, "entry.S");
_Static_assert(offsetof(struct arch_cpu, scratch) == CPU_SCRATCH, "entry.S");
