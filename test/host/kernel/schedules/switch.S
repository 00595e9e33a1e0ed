/*
 * void coroutine_switch(void **ret_from, void *to): continue the coroutine that stopped at `to`; *ret_from is where the
 * caller stopped. The registers that C functions preserve are saved on the stacks.
 */
    .text
    .globl coroutine_switch
    .type coroutine_switch, @function
coroutine_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    .section .note.GNU-stack, "", @progbits
