/*
 * The three places where a system call and a store belong together. A program can die between any two instructions, but
 * in these its registers tell which side of the call it died on. server.c and recover.c read them.
 */
#include "libsys/wire/commit.h"

/* rdi: the place, rsi: struct journal_effect, rdx: the value for the place */
.macro JOURNAL_EFFECT
    push %rbx
    push %r12
    mov %rdi, %rbx
    mov %rdx, %r12
    mov %rsi, %r11
    mov (%r11), %rax
    mov 8(%r11), %rdi
    mov 16(%r11), %rsi
    mov 24(%r11), %rdx
    mov 32(%r11), %r10
    mov 40(%r11), %r8
    mov 48(%r11), %r9
    syscall
.endm

    .section .text.journal_call, "ax", @progbits
    .globl journal_call, journal_call_made, journal_call_end
    .type journal_call, @function
journal_call:
    JOURNAL_EFFECT
journal_call_made: /* RAX: the status, RBX: the place, R12: its value, until ... */
    test %eax, %eax
    jnz journal_call_end
    mov %r12, (%rbx)
journal_call_end:
    pop %r12
    pop %rbx
    ret
    .size journal_call, . - journal_call

    .section .text.journal_read, "ax", @progbits
    .globl journal_read, journal_read_made, journal_read_end
    .type journal_read, @function
journal_read:
    JOURNAL_EFFECT
journal_read_made: /* RAX: the status, RBX: the place, R12 and RDX: the bits of its value, until ... */
    test %eax, %eax
    jnz journal_read_end
    or %rdx, %r12
    mov %r12, (%rbx)
journal_read_end:
    pop %r12
    pop %rbx
    ret
    .size journal_read, . - journal_read

    .section .text.server_receive, "ax", @progbits
    .globl server_receive, server_receive_made, server_receive_end
    .type server_receive, @function
/* rdi: struct server, esi: SYS_ep_reply_wait, or SYS_ep_wait with the deadline in the place of the answer's info */
server_receive:
    push %rbx
    mov %rdi, %rbx
    mov %esi, %eax
    mov COMMIT_ENDPOINT(%rbx), %rdi
    mov COMMIT_ANSWER(%rbx), %rsi
    mov COMMIT_ANSWER + 8(%rbx), %rdx
    mov COMMIT_ANSWER + 16(%rbx), %r10
    mov COMMIT_ANSWER + 24(%rbx), %r8
    mov COMMIT_ANSWER + 32(%rbx), %r9
    syscall
server_receive_made: /* RAX: the status, the others: the message, until ... */
    test %eax, %eax
    jnz server_receive_end
    mov %rdi, COMMIT_BADGE(%rbx)
    mov %rsi, COMMIT_INFO(%rbx)
    mov %rdx, COMMIT_INFO + 8(%rbx)
    mov %r10, COMMIT_INFO + 16(%rbx)
    mov %r8, COMMIT_INFO + 24(%rbx)
    mov %r9, COMMIT_INFO + 32(%rbx)
    incq COMMIT_HEARD(%rbx)
    movq $COMMIT_RECEIVED, COMMIT_MARK(%rbx)
server_receive_end:
    pop %rbx
    ret
    .size server_receive, . - server_receive

    .section .note.GNU-stack, "", @progbits
