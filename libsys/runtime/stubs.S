/*
 * One function per typed system call, from the list that the kernel's dispatch uses. System V passes the fourth
 * argument in RCX, which SYSCALL destroys; the kernel takes it from R10. RAX and RDX return a struct result as System V
 * wants it. Message calls need more registers: see message.h.
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
