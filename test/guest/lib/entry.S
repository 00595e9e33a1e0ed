/*
 * Where workers begin and end, and system calls with every register under control.
 */
#include "test/guest/lib/raw.h"

    .section .text.worker_entry, "ax", @progbits
    .globl worker_entry, worker_end
/* RDI = view, RSI = code. */
worker_entry:
    xor %ebp, %ebp
    call *%rsi
worker_end:
    int3
    jmp worker_end

    .globl raw_syscall
    .type raw_syscall, @function
/* struct raw_registers in RDI: load all, make the call, store all. */
raw_syscall:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdi
    push RAW_RFLAGS(%rdi)
    popfq
    mov RAW_RAX(%rdi), %rax
    mov RAW_RBX(%rdi), %rbx
    mov RAW_RCX(%rdi), %rcx
    mov RAW_RDX(%rdi), %rdx
    mov RAW_RSI(%rdi), %rsi
    mov RAW_RBP(%rdi), %rbp
    mov RAW_R8(%rdi), %r8
    mov RAW_R9(%rdi), %r9
    mov RAW_R10(%rdi), %r10
    mov RAW_R11(%rdi), %r11
    mov RAW_R12(%rdi), %r12
    mov RAW_R13(%rdi), %r13
    mov RAW_R14(%rdi), %r14
    mov RAW_R15(%rdi), %r15
    mov RAW_RDI(%rdi), %rdi
    .globl raw_syscall_instruction
raw_syscall_instruction:
    syscall
    xchg %rdi, (%rsp)
    mov %rax, RAW_RAX(%rdi)
    mov %rbx, RAW_RBX(%rdi)
    mov %rcx, RAW_RCX(%rdi)
    mov %rdx, RAW_RDX(%rdi)
    mov %rsi, RAW_RSI(%rdi)
    mov %rbp, RAW_RBP(%rdi)
    mov %r8, RAW_R8(%rdi)
    mov %r9, RAW_R9(%rdi)
    mov %r10, RAW_R10(%rdi)
    mov %r11, RAW_R11(%rdi)
    mov %r12, RAW_R12(%rdi)
    mov %r13, RAW_R13(%rdi)
    mov %r14, RAW_R14(%rdi)
    mov %r15, RAW_R15(%rdi)
    pushfq
    popq RAW_RFLAGS(%rdi)
    popq RAW_RDI(%rdi)
    push $2 /* back to no flags: DF must be clear in C */
    popfq
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .globl raw_trap, raw_spin, raw_flags, raw_step
/* Code to be entered with every register set from outside. A breakpoint: */
raw_trap:
    int3
    jmp raw_trap
/* ... a loop that changes nothing: */
raw_spin:
    jmp raw_spin
/* ... flags as the CPU has them, to RAX, then a breakpoint: */
raw_flags:
    pushfq
    pop %rax
    jmp raw_trap
/* ... a few instructions of known lengths, for single steps (1, 3 and 3 bytes): */
raw_step:
    nop
    inc %rax
    inc %rbx
    jmp raw_trap

    .section .note.GNU-stack, "", @progbits
