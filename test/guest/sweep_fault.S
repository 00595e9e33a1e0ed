/*
 * A page fault with every register under control: like raw_syscall in lib/entry.S, with a store in
 * place of the system call.
 */
#include "test/guest/lib/raw.h"

    .text
    .globl sweep_store
    .type sweep_store, @function
/* struct raw_registers in RDI: load all, store RCX where RAX points, store all. */
sweep_store:
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
    .globl sweep_store_instruction, sweep_store_next
sweep_store_instruction:
    mov %rcx, (%rax)
sweep_store_next:
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

    .section .note.GNU-stack, "", @progbits
