/*
 * The code of a bench's peer, which runs in its own address space: position-independent, without data. RBX and RBP come
 * from the entry state. Slots are those of the peer's table.
 */
#include "test/bench/numbers.h"

    .section .text.peers, "ax", @progbits
    .balign 4096
    .globl peer_code
peer_code:

/* Answer every call with as many words as it brought. RBX = endpoint. */
    .globl peer_echo
peer_echo:
    mov $SYSCALL_EP_WAIT, %eax
    mov %rbx, %rdi
    mov $-1, %rsi
    syscall
1:
    mov $SYSCALL_EP_REPLY_WAIT, %eax
    mov %rbx, %rdi
    and $0xff, %esi
    syscall
    jmp 1b

/* Answer every call with as many words, and delete the capability it brought. RBX = endpoint, RBP
 * = the capability's slot. */
    .globl peer_take_cap
peer_take_cap:
    mov $SYSCALL_EP_WAIT, %eax
    mov %rbx, %rdi
    mov $-1, %rsi
    syscall
1:
    mov $SYSCALL_CAP_DELETE, %eax
    xor %edi, %edi
    mov %rbp, %rsi
    syscall
    mov $SYSCALL_EP_REPLY_WAIT, %eax
    mov %rbx, %rdi
    xor %esi, %esi
    syscall
    jmp 1b

/* Answer every call with as many words, and delete the capabilities it brought. RBX = endpoint, RBP = the slot of the
 * first one; the others are in the slots before it. */
    .globl peer_take_caps
peer_take_caps:
    mov $SYSCALL_EP_WAIT, %eax
    mov %rbx, %rdi
    mov $-1, %rsi
    syscall
1:
    mov %rsi, %r12
    movzbl %sil, %r13d
    mov %rbp, %r14
    shr $8, %r12d
    and $0xf, %r12d
    jz 3f
2:
    mov $SYSCALL_CAP_DELETE, %eax
    xor %edi, %edi
    mov %r14, %rsi
    syscall
    dec %r14
    dec %r12d
    jnz 2b
3:
    mov $SYSCALL_EP_REPLY_WAIT, %eax
    mov %rbx, %rdi
    mov %r13, %rsi
    syscall
    jmp 1b

/* Compute for ever. */
    .globl peer_spin
peer_spin:
    jmp peer_spin

/* Wait for the notification RBX, raise RBP. */
    .globl peer_ping_pong
peer_ping_pong:
    mov $SYSCALL_SIGNAL_WAIT, %eax
    mov %rbx, %rdi
    mov $-1, %rsi
    syscall
    mov $SYSCALL_SIGNAL_RAISE, %eax
    mov %rbp, %rdi
    mov $1, %esi
    syscall
    jmp peer_ping_pong

/* Hit a breakpoint, again and again. The handler resumes the thread after the instruction, or leaves it stopped. */
    .globl peer_trap
peer_trap:
    int3
    jmp peer_trap

/* Touch an unmapped page, and after each resume the next one. RBX = address. */
    .globl peer_touch
peer_touch:
    mov %rbx, (%rbx)
    add $4096, %rbx
    jmp peer_touch

/* Raise the notification RBX and wait to be deleted. */
    .globl peer_signal_once
peer_signal_once:
    mov $SYSCALL_SIGNAL_RAISE, %eax
    mov %rbx, %rdi
    mov $1, %esi
    syscall
1:
    mov $SYSCALL_SIGNAL_WAIT, %eax
    mov %rbp, %rdi
    mov $-1, %rsi
    syscall
    jmp 1b
    .balign 4096
