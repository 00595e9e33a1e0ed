/*
 * One function per typed system call, which the linker puts between a server and its stub (ld --wrap). The hook may let
 * the server die before the call or behind it, or may refuse the call.
 */
#define SYSCALL(number, name, count, prototype) \
    .globl __wrap_sys_##name; \
    .type __wrap_sys_##name, @function; \
    __wrap_sys_##name: \
    push %rdi; \
    push %rsi; \
    push %rdx; \
    push %rcx; \
    push %r8; \
    push %r9; \
    sub $8, %rsp; \
    mov $number, %edi; \
    call hook_begin_call; \
    add $8, %rsp; \
    pop %r9; \
    pop %r8; \
    pop %rcx; \
    pop %rdx; \
    pop %rsi; \
    pop %rdi; \
    test %rax, %rax; \
    jnz refused; \
    sub $8, %rsp; \
    call __real_sys_##name; \
    add $8, %rsp; \
    jmp made; \
    .size __wrap_sys_##name, . - __wrap_sys_##name;
#define SYSCALL_MESSAGE(number, name)

    .text
made: /* RAX and RDX: the result */
    push %rax
    push %rdx
    sub $8, %rsp
    call hook_end_call
    add $8, %rsp
    pop %rdx
    pop %rax
    ret
refused: /* RAX: the status; its value is 0 */
    xor %edx, %edx
    ret

#include "kernel/abi/syscall.def"

    .section .note.GNU-stack, "", @progbits
