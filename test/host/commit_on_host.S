/*
 * commit.S on the fake kernel of server_lives.c: the instruction `syscall` calls it, and loses no register. Its return
 * address is where a program is after a system call.
 */
.macro syscall
    call lives_syscall
.endm

#include "libsys/wire/commit.S"

    .text
    .globl lives_syscall, lives_syscall_end
    .type lives_syscall, @function
lives_syscall:
    push %rbp
    mov %rsp, %rbp
    sub $(512 + 160), %rsp /* the FPU's state, below it struct thread_registers */
    and $-16, %rsp
    fxsave64 160(%rsp)
    mov %rax, (%rsp)
    mov %rbx, 8(%rsp)
    mov %rdx, 24(%rsp)
    mov %rsi, 32(%rsp)
    mov %rdi, 40(%rsp)
    mov %r8, 64(%rsp)
    mov %r9, 72(%rsp)
    mov %r10, 80(%rsp)
    mov %r12, 96(%rsp)
    mov 8(%rbp), %rcx
    mov %rcx, 128(%rsp)
    mov %rsp, %rdi
    call lives_enter
    mov %rax, %r11
    mov (%rsp), %rax
    mov 24(%rsp), %rdx
    mov 32(%rsp), %rsi
    mov 40(%rsp), %rdi
    mov 64(%rsp), %r8
    mov 72(%rsp), %r9
    mov 80(%rsp), %r10
    fxrstor64 160(%rsp)
    mov %rbp, %rsp
    pop %rbp
    pushfq
    or %r11, (%rsp)
    popfq /* instructions are counted behind the next one */
    ret
lives_syscall_end:
    .size lives_syscall, . - lives_syscall
