/*
 * One function per typed system call, from the same list as the kernel's dispatch. System V passes the fourth argument
 * in RCX, which the instruction destroys; the kernel takes it from R10. RAX and RDX come back just where a caller of a
 * function that returns struct result looks for them. Message calls live in message.h: they want more registers.
 */
#define SYSCALL(number, name, count, prototype) \
    .section .text.sys_##name, "ax", @progbits; \
    .globl sys_##name; \
    .type sys_##name, @function; \
    sys_##name: \
    mov %rcx, %r10; \
    mov $number, %eax; \
    syscall; \
    ret; \
    .size sys_##name, . - sys_##name;
#define SYSCALL_MESSAGE(number, name)

#include "kernel/abi/syscall.def"

    .section .note.GNU-stack, "", @progbits
