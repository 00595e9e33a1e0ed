/*
 * The machine's state per thread and per CPU. Plain C: the host build uses it too. The assembly has the offsets from
 * offsets.def, and offsets.c asserts that they are right. The CPU pushes the last five words of struct frame.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A thread's registers. They are saved straight into the thread: the CPU's stack pointer at an entry from user mode is
 * the end of this frame (TSS.RSP0), and there is nothing to copy. Of a thread that came by SYSCALL, RCX, R11, error, CS and
 * SS are not there: the first two are RIP and RFLAGS, the others are always the same.
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
    uint64_t vector; /* FRAME_SYSCALL: came by SYSCALL, leave by SYSRET; else by IRET */
    uint64_t error;
    uint64_t rip, cs, rflags, rsp, ss; /* what the CPU pushes */
} __attribute__((aligned(16)));        /* the CPU aligns its stack pointer before it pushes */
_Static_assert(sizeof(struct frame) == 22 * 8, "no padding: its end is where the CPU begins to push");

struct arch_thread {
    struct frame frame;
    uint64_t fs_base;
    uint64_t fpu_used;  /* it has FPU state: in its FPU area (fpu.c) or in the registers of the CPU it runs on */
    uint64_t root;      /* of the space it is bound to; 0: none */
    uint64_t fpu_saved; /* its FPU area has been written to */
};

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3]; /* [0]: the end of the running thread's frame */
    uint64_t reserved1;
    uint64_t ist[7]; /* IST1.. */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map; /* beyond the limit: every port access from ring 3 faults */
} __attribute__((packed));
#define TSS_BYTES sizeof(struct tss)
_Static_assert(sizeof(struct tss) == 104, "Intel SDM vol. 3A, 64-Bit Task State Segment");

#define CPU_DIRECT_NOBODY 1U /* of no thread is `direct` this */

struct arch_cpu {
    struct arch_cpu *self; /* GS:0 */
    uint64_t stack_top;    /* the kernel stack of this CPU */
    uint64_t scratch;      /* one register, for a few instructions of an entry */
    uint64_t root;         /* what CR3 holds */
    uint64_t fs_base;      /* what the MSR holds */
    uint64_t call_limit;   /* calls from this number on need all registers saved; 0: somebody wants to see them all */
    uint64_t direct;       /* a thread with the same `direct` may be switched to by the fast path (fastpath.h) */
    uint64_t fast;         /* in the fast path: lock.h; only the lowest byte is used */
    struct thread *fpu_owner; /* whose FPU state the registers hold and CR0.TS lets in; NULL: they hold nobody's */
    struct tss tss;
    uint64_t apic_id;
    uint64_t idle; /* waits for an interrupt with nothing in its hands: one may come in the kernel */
};
