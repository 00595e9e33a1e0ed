/*
 * Thread state in the ABI: configuration, entry, registers, faults. These structures lie in the message page: thread_*
 * calls use its data, fault messages its words.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/syscall.h"

#define PRIORITY_LOWEST 0U
#define PRIORITY_HIGHEST 63U

/* thread_configure: the fields of struct thread_config to apply. All are checked before the first is applied. */
enum thread_field {
    THREAD_TABLE = 1 << 0,
    THREAD_FAULT_ENDPOINT = 1 << 1,
    THREAD_MESSAGE_PAGE = 1 << 2,
    THREAD_NOTIFICATION = 1 << 3,
    THREAD_PRIORITY = 1 << 4,
    THREAD_CPU = 1 << 5,
    THREAD_FOREIGN = 1 << 6,
};

struct thread_config {
    cap_t table;          /* TABLE_USE; its slots are the thread's from now on */
    cap_t fault_endpoint; /* ENDPOINT_CALL; 0: none, a fault stops the thread */
    cap_t message_memory; /* MEMORY_READ and WRITE, RAM; 0: none */
    uint64_t message_offset_pages;
    cap_t notification; /* NOTIFICATION_WAIT; its bits also end this thread's ep_wait; 0: none */
    uint64_t priority;  /* PRIORITY_LOWEST..PRIORITY_HIGHEST, no higher than the caller's own */
    uint64_t cpu;       /* index below system_info(INFO_CPUS) */
    uint64_t foreign;   /* 1: every system call of the thread becomes a message to its fault endpoint */
};

struct thread_registers {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip;
    uint64_t rflags;  /* a write changes only the arithmetic flags, DF, TF, AC and ID */
    uint64_t fs_base; /* canonical, user half */
};

/* The parts of a thread for thread_read and thread_write. */
enum thread_part {
    THREAD_REGISTERS = 1 << 0, /* struct thread_registers; thread_read writes struct thread_state in any case */
    THREAD_FPU = 1 << 1,       /* struct thread_fpu, at THREAD_FPU_OFFSET in the data */
};

/*
 * FPU, SSE and AVX registers, in the format of XSAVE. A thread that has used none of them since its program began is in
 * the initial state.
 * Source: Intel SDM vol. 1, "XSAVE Area" and "x87 State", "SSE State" before it.
 */
struct thread_fpu {
    uint16_t control_word;
    uint16_t others[11];
    uint32_t mxcsr; /* only bits that the CPU has */
    uint32_t mxcsr_mask;
    uint8_t registers[480];
    uint64_t components;  /* 0: the initial state, other members are ignored; else all that this machine has */
    uint64_t reserved[7]; /* always 0; writes are ignored */
    uint8_t avx[256];     /* the upper halves of YMM0..15 */
};

/* Bit 0 belonged to a flag that was removed. Like the number of a system call it is not used again. */
enum handover_flag {
    HANDOVER_RESUME = 1 << 1,       /* let it run at once */
    HANDOVER_ABSENT_ENTRY = 1 << 2, /* a pager will supply the entry's page */
    HANDOVER_ABSENT_STACK = 1 << 3, /* a pager will supply the stack's page */
    HANDOVER_KEEP_FPU = 1 << 4,     /* keep the FPU state; else it becomes the initial one */
};

/*
 * thread_handover takes `struct thread_registers` from the message page's data as the entry state. On E_AUDIT it writes
 * struct audit_failure there, and the value is `check`.
 */
enum audit_check {
    AUDIT_OK = 0,
#define AUDIT_PLACE(number, name, what) name = number,
#define AUDIT_RULE(number, name, text) name = number,
#include "kernel/abi/audit.def"
#undef AUDIT_PLACE
#undef AUDIT_RULE
};

struct audit_failure {
    uint64_t check;   /* enum audit_check */
    uint64_t address; /* whose translation is wrong; kernel addresses are given as offsets into their region */
    uint64_t level;   /* 4: PML4, 3: PDPT, 2: PD, 1: PT, 0: there was no walk */
    uint64_t entry;   /* the entry found there, without its address bits */
};

enum thread_run_state {
    THREAD_STOPPED = 0,
    THREAD_READY = 1,
    THREAD_RUNNING = 2,
    THREAD_IN_CALL = 3,   /* sent or sending a message, waits for the reply */
    THREAD_IN_WAIT = 4,   /* waits for a message */
    THREAD_IN_SIGNAL = 5, /* waits for a notification */
    THREAD_IN_FAULT = 6,  /* its fault endpoint has not answered yet */
};

/* thread_suspend: also end the thread's wait, instead of letting the thread stop when the wait is over. */
enum suspend_flag {
    SUSPEND_WITHDRAW = 1 << 0, /* if no server serves its message just now: as if the wait had never begun */
    SUSPEND_ABANDON = 1 << 1,  /* with WITHDRAW: even if a server serves it, and may have done its work */
};

/* The value of thread_suspend. */
enum suspend_outcome {
    SUSPEND_STOPPED = 0,   /* the thread is stopped */
    SUSPEND_WITHDRAWN = 1, /* the thread is stopped, and its call was ended with E_CANCEL */
    SUSPEND_WAITS = 2,     /* it stops when its wait is over */
};

/* thread_read writes this to the message page's data; thread_write takes `registers` from there. */
struct thread_state {
    struct thread_registers registers;
    uint64_t run_state; /* enum thread_run_state */
    uint64_t priority;
    uint64_t cpu_time_ns; /* of its finished time slices, the work of servers for it in these included */
    uint64_t id;          /* its number in traces, from 1 on; no other thread has had it */
    uint64_t cpu;         /* the CPU that it runs on */
};

#define THREAD_FPU_OFFSET sizeof(struct thread_state)
static inline struct thread_fpu *thread_fpu_in(struct message_page *page) {
    return (struct thread_fpu *)(void *)(page->data + THREAD_FPU_OFFSET);
}
_Static_assert((MESSAGE_DATA_OFFSET + THREAD_FPU_OFFSET) % 64 == 0,
               "so that the state is where XSAVE and XRSTOR can use it");
_Static_assert(sizeof(struct thread_fpu) == 832, "Intel SDM vol. 1, XSAVE Area: 512 + 64 + AVX's 256");

enum fault_kind {
    FAULT_PAGE = 1,        /* address: the one accessed; access: enum fault_access */
    FAULT_INSTRUCTION = 2, /* undefined or privileged in this place */
    FAULT_PROTECTION = 3,  /* general protection, segment faults; access: the error code */
    FAULT_DIVIDE = 4,
    FAULT_BREAKPOINT = 5,
    FAULT_STEP = 6,  /* single step or debug register */
    FAULT_FLOAT = 7, /* x87 or SIMD exception */
    FAULT_ALIGNMENT = 8,
    FAULT_OVERFLOW = 9,
    FAULT_SYSCALL = 10, /* a foreign thread's system call; registers as at the call, RIP after the instruction */
};

enum fault_access {
    FAULT_ACCESS_PRESENT = 1 << 0, /* a page was there, its rights forbade it */
    FAULT_ACCESS_WRITE = 1 << 1,
    FAULT_ACCESS_FETCH = 1 << 4,
};

/*
 * The words of a fault message (MESSAGE_FAULT, MESSAGE_SYSCALL): the first four arrive in registers, the rest in the
 * receiver's message page; FAULT_WORDS in all. The label is the kind.
 */
struct fault_message {
    uint64_t kind;    /* enum fault_kind */
    uint64_t address; /* page faults: the address accessed; others: 0 */
    uint64_t access;
    uint64_t rip;
    struct thread_registers registers;
    struct space_walk walk; /* the walk of `address`; levels 0: no page fault */
};
#define FAULT_WORDS (sizeof(struct fault_message) / 8)
_Static_assert(__builtin_offsetof(struct fault_message, registers) == 4 * 8,
               "the first four words travel in registers");
_Static_assert(FAULT_WORDS <= 64, "fits a message");

/* The label of the reply decides whether the thread runs on. */
enum fault_reply {
    FAULT_RESUME = 0, /* run on, registers unchanged */
    FAULT_WRITE = 1,  /* the reply's words are a struct fault_message whose `registers` are taken, then run on */
    FAULT_STOP = 2,   /* leave it stopped */
};
