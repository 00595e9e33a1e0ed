/*
 * A system call with every register under control, which C can't express.
 */
#pragma once

#define RAW_RAX 0
#define RAW_RBX 8
#define RAW_RCX 16
#define RAW_RDX 24
#define RAW_RSI 32
#define RAW_RDI 40
#define RAW_RBP 48
#define RAW_R8 56
#define RAW_R9 64
#define RAW_R10 72
#define RAW_R11 80
#define RAW_R12 88
#define RAW_R13 96
#define RAW_R14 104
#define RAW_R15 112
#define RAW_RFLAGS 120

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct raw_registers {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rflags; /* before the call, only bits that user code may set */
};
_Static_assert(offsetof(struct raw_registers, rflags) == RAW_RFLAGS, "entry.S takes offsets from above");
_Static_assert(offsetof(struct raw_registers, r8) == RAW_R8, "entry.S takes offsets from above");

/* Load all of *registers, make the system call in RAX, and store all registers afterwards. */
void raw_syscall(struct raw_registers *registers);
extern const char raw_syscall_instruction[]; /* its address */
#define RAW_SYSCALL_BYTES 2U

/* Code that a thread may be started at by its registers, see entry.S. */
extern const char raw_trap[], raw_spin[], raw_flags[], raw_step[];
#endif
