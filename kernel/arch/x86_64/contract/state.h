/*
 * The machine's state for each thread and for each CPU. Plain C: the host build uses it, too. The assembly has the
 * offsets from offsets.def, and offsets.c asserts that they are right. The CPU pushes the last five words of struct
 * frame.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A thread's registers. They are saved straight into the thread: at an entry from user mode the CPU's stack pointer is
 * the end of this frame (TSS.RSP0), so nothing is copied. For a thread that entered by SYSCALL, the members for RCX,
 * R11, error, CS and SS are not valid: RCX and R11 hold RIP and RFLAGS, and the others never differ.
 */
struct frame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    /*
     * The registers of a system call, named for message calls. Other calls have their arguments in target, info, words
     * 0..3, and their results in status and word 0.
     */
    uint64_t words[4]; /* RDX, R10, R8, R9 */
    uint64_t info;     /* RSI */
    uint64_t target;   /* RDI: the endpoint; for a receiver, the badge */
    uint64_t status;   /* RAX: at an entry, the system call's number */
    uint64_t rcx, r11;
    uint64_t vector; /* FRAME_SYSCALL: entered by SYSCALL, leave by SYSRET; else by IRET */
    uint64_t error;
    uint64_t rip, cs, rflags, rsp, ss; /* pushed by the CPU */
} __attribute__((aligned(16)));        /* the CPU aligns its stack pointer before it pushes */
_Static_assert(sizeof(struct frame) == 22 * 8, "no padding: its end is where the CPU begins to push");

struct arch_thread {
    struct frame frame;
    uint64_t fs_base;
    uint64_t fpu_used;  /* it has FPU state: in its FPU area (fpu.c) or in the registers of its CPU */
    uint64_t root;      /* of the space it is bound to; 0: none */
    uint64_t fpu_saved; /* its FPU area was written to */
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

#define CPU_DIRECT_NOBODY 1U /* no thread has this as `direct` */

struct arch_cpu {
    struct arch_cpu *self;    /* GS:0 */
    uint64_t stack_top;       /* the kernel stack of this CPU */
    uint64_t scratch;         /* for one register, during a few instructions of an entry */
    uint64_t root;            /* content of CR3 */
    uint64_t fs_base;         /* content of the MSR */
    uint64_t call_limit;      /* calls from this number on need all registers saved; 0: all calls are watched */
    uint64_t direct;          /* the fast path may switch to a thread with an equal `direct` (fastpath.h) */
    uint64_t fast;            /* in the fast path: lock.h; only the lowest byte is used */
    struct thread *fpu_owner; /* the FPU registers hold its state, and CR0.TS is clear; NULL: no thread's */
    struct tss tss;
    uint64_t apic_id;
    uint64_t idle; /* it waits in arch_idle, where an interrupt may come in the kernel */
};
