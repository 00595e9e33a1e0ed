/*
 * The way into the kernel by SYSCALL, and the fast path (fastpath.h).
 *
 * RSP points to the running thread, struct thread, and is used as nothing else: nothing is pushed there. Three ways lead
 * on, and each saves only what it must. All begin by saving what a handler may look for: return address and arguments.
 *
 *   fast_call, fast_reply   assembly from end to end: the message stays in its registers RSI, RDX, R10, R8, R9. RAX, RCX,
 *                           RDI and R11 are free. RBX, RBP and R12..R15 go to the thread that is left, and come from the
 *                           one that is switched to. Only a message's long part is moved before the label `commit_...`.
 *   plain_call              C keeps RBX, RBP and R12..R15 by itself. If the call settles everything, nothing else
 *                           has to be saved; if not, they are still there when it returns.
 *   whole_call              all registers are saved first: for calls that look at their caller's registers or may switch
 *                           to another thread, for those that are watched, and for numbers that mean nothing.
 *
 * Lock: the fast path has none (lock.h). Otherwise the kernel lock is taken at the entry and held to the exit. If a thread
 * is claimed by another CPU (sched_claim) while it waits for the lock here, its call has not been made, and it is that CPU's.
 */
#include "kernel/arch/x86_64/outermost.h"
#include "kernel/arch/x86_64/syscall_macros.S"

    .text
    .globl syscall_entry
    .type syscall_entry, @function
    .balign 64
/*
 * RCX = return address, R11 = flags, RSP still the user's. The return address is canonical: the last page of the user half
 * is never mapped, so no SYSCALL instruction ends at its edge. SFMASK has cleared all flags that matter.
 */
syscall_entry:
    OUTERMOST
    swapgs
    mov %rsp, %gs:IN_CPU_SCRATCH
    mov %gs:IN_CPU_CURRENT, %rsp
    mov %rcx, IN_THREAD_RIP(%rsp)
    mov %r11, IN_THREAD_RFLAGS(%rsp)
    mov %gs:IN_CPU_SCRATCH, %rcx
    mov %rcx, IN_THREAD_RSP(%rsp)
    movq $FRAME_SYSCALL, IN_THREAD_VECTOR(%rsp)
    SAVE rsp, rax, rdi, rsi, rdx, r10, r8, r9
    cmp $NUMBER_EP_CALL, %rax
    je fast_call
    cmp $NUMBER_EP_REPLY_WAIT, %rax
    je fast_reply
take_lock:
    mov $1, %ecx
    lock xadd %ecx, kernel_ticket_lock + IN_LOCK_NEXT(%rip)
    cmp %ecx, kernel_ticket_lock + IN_LOCK_SERVING(%rip)
    jne wait_for_lock
locked:
    STAY_BEGIN
    cmp %gs:IN_CPU_CALL_LIMIT, %rax
    jae whole_call

plain_call:
    mov %gs:IN_CPU_STACK_TOP, %rsp
    mov %r10, %rcx /* C's place for the fourth argument */
    call dispatch
    cmpb $0, %gs:IN_CPU_UNSETTLED
    jne unsettled
    cmp $STATUS_BLOCKED, %eax
    jae not_done
    STAY_END
    mov %gs:IN_CPU_CURRENT, %rsp
    UNLOCK
    LOAD rsp, rdi, rsi, r10, r8, r9
    SYSCALL_RETURN

    .balign 16
fast_call:
    ENTER_FAST
    FIND_ENDPOINT HEAD_MASK_CALL, HEAD_CALL, long_way
    mov IN_ENDPOINT_RECEIVERS(%rcx), %rax /* -> thread.wait of the first */
    test %rax, %rax
    jz long_way
    cmpq $0, IN_NODE_LEFT(%rax)
    jne others_wait
    CHECK_DIRECT IN_THREAD_WAIT, long_way
    MOVE_REST IN_THREAD_WAIT, long_way, GRANT
commit_call:
    movq $0, IN_ENDPOINT_RECEIVERS(%rcx)
taken_out:
    movl $0, IN_NODE_RANK(%rax)
    movq $0, IN_THREAD_WAIT_HEAP - IN_THREAD_WAIT(%rax)
    mov IN_THREAD_REPLY_HEAD(%rsp), %rcx /* cap_set_reply */
    mov %rcx, IN_THREAD_REPLY - IN_THREAD_WAIT(%rax)
    lea IN_THREAD_REPLY - IN_THREAD_WAIT(%rax), %rcx
    mov %rcx, IN_THREAD_REPLY_SLOT(%rsp)
    movb $STATE_IN_CALL, IN_THREAD_STATE(%rsp)
    movb $STATE_RUNNING, IN_THREAD_STATE - IN_THREAD_WAIT(%rax)
    mov IN_SLOT_DATA(%rdi), %rdi /* the badge */
    SAVE_KEPT
    lea -IN_THREAD_WAIT(%rax), %rsp
    SWITCH
    LEAVE_FAST
    LOAD_KEPT
    xor %eax, %eax
    SYSCALL_RETURN

    .balign 16
fast_reply:
    ENTER_FAST
    FIND_ENDPOINT HEAD_MASK_WAIT, HEAD_WAIT, long_way
    mov IN_THREAD_REPLY(%rsp), %rax
    sar $16, %rax /* -> the thread that waits for the answer */
    jz long_way
    mov IN_ENDPOINT_SENDERS(%rcx), %rdi
    or IN_ENDPOINT_RECEIVERS(%rcx), %rdi
    jnz not_alone
alone:
    cmpq $0, IN_THREAD_NOTIFICATION(%rsp)
    jne check_notification
no_bits:
    CHECK_DIRECT 0, long_way
    cmp %r11, IN_ENDPOINT_HOME(%rcx)
    jne long_way
    cmpb $STATE_IN_CALL, IN_THREAD_STATE(%rax)
    jne fast_resume
    MOVE_REST 0, long_way

commit_reply:
    COMMIT_REPLY
    LOAD_KEPT
    xor %eax, %eax
    SYSCALL_RETURN

/* The thread is in a fault. The answer that lets it run on, unchanged, has label FAULT_RESUME and no other content. */
fast_resume:
    cmpb $STATE_IN_FAULT, IN_THREAD_STATE(%rax)
    jne long_way
    cmp $WORDS_IN_REGISTERS, %rsi
    ja long_way
commit_resume:
    COMMIT_REPLY
    jmp user_return

/*
 * fast_call, where the first receiver is not the only one. It leaves the heap as heap_remove lets it, if its place goes to its
 * left child as it is. That one may be another CPU's, and taken out there as soon as it can be seen: so that comes last.
 */
others_wait:
    cmpq $0, IN_NODE_RIGHT(%rax)
    jne long_way
    CHECK_DIRECT IN_THREAD_WAIT, long_way
    MOVE_REST IN_THREAD_WAIT, long_way, GRANT
    mov IN_NODE_LEFT(%rax), %r11
    movq $0, IN_NODE_PARENT(%r11)
    movq $0, IN_NODE_LEFT(%rax)
    mov %r11, IN_ENDPOINT_RECEIVERS(%rcx)
    jmp taken_out

/*
 * fast_reply, where RDI = senders | receivers. Receivers are no hindrance if the first of them has this thread's priority, and is
 * this CPU's, so that no other takes it out meanwhile: then this thread goes before it, and is the heap's new top.
 */
not_alone:
    cmpq $0, IN_ENDPOINT_SENDERS(%rcx)
    jne long_way
    mov IN_NODE_KEY(%rdi), %r11
    xor IN_THREAD_QUEUE_RANK(%rsp), %r11
    shr $PRIORITY_SHIFT, %r11
    jnz long_way
    mov %gs:IN_CPU_DIRECT, %r11
    cmp %r11, IN_THREAD_DIRECT - IN_THREAD_WAIT(%rdi)
    je alone
    jmp long_way
    .cfi_endproc

    .section .text.syscall_rare, "ax"
    OUTERMOST
/*
 * Somebody has the lock: wait a little. To take it as well would make the others' fast paths find it taken, and so on: all
 * would keep each other on the long way. Not for long, as requests are answered only by who waits for the lock.
 */
fast_busy:
    LEAVE_FAST
    mov $FAST_TRIES, %ecx
1:
    pause
    dec %ecx
    jz take_lock
    mov kernel_ticket_lock + IN_LOCK_SERVING(%rip), %r11d
    cmp %r11d, kernel_ticket_lock + IN_LOCK_HOLDER(%rip)
    je 1b
    cmp $NUMBER_EP_CALL, %rax
    je fast_call
    jmp fast_reply

/* Nothing has been changed. */
long_way:
    LEAVE_FAST
    mov IN_THREAD_rax(%rsp), %rax
    jmp take_lock

/* A bound notification's bits would come before the wait. */
check_notification:
    mov IN_THREAD_NOTIFICATION + IN_SLOT_HEAD(%rsp), %r11
    sar $16, %r11
    cmpq $0, IN_NOTIFICATION_BITS(%r11)
    je no_bits
    jmp long_way

/*
 * Capabilities of a message to the thread in R10. Their lists are everybody's, so the lock is needed. A ticket that is served at
 * once is that of an only CPU (lock.h), and what was found out so far still holds; with several, the call begins again with the
 * lock. So it does if they can't be moved, which has changed nothing. Returns, if they were, with R11 = this thread.
 */
move_capabilities:
    LEAVE_FAST
    mov $1, %r11d
    lock xadd %r11d, kernel_ticket_lock + IN_LOCK_NEXT(%rip)
    cmp %r11d, kernel_ticket_lock + IN_LOCK_SERVING(%rip)
    jne 1f
    push %rax
    push %rcx
    push %rdi
    mov %rsi, %rdx
    mov %r10, %rsi
    mov %gs:IN_CPU_CURRENT, %rdi
    call transfer_rest
    mov %eax, %r11d
    pop %rdi
    pop %rcx
    pop %rax
    test %r11d, %r11d
    jnz 2f
    UNLOCK
    mov %gs:IN_CPU_CURRENT, %r11
    LOAD r11, rsi, rdx, r10, r8, r9
    ret
2:
    mov %gs:IN_CPU_CURRENT, %rsp
    jmp begin_again
1:
    mov %r11d, %ecx
    mov %gs:IN_CPU_CURRENT, %rsp

/* ECX = the ticket. The whole frame is needed, as another CPU may claim the thread meanwhile. */
wait_for_lock:
    SAVE_KEPT
    mov %gs:IN_CPU_STACK_TOP, %rsp
    mov %ecx, %edi
    xor %ebp, %ebp
    call kernel_lock_wait
    cmpb $0, %gs:IN_CPU_BLOCKED
    jne claimed
    mov %gs:IN_CPU_CURRENT, %rsp
    mov IN_THREAD_rbp(%rsp), %rbp
begin_again:
    LOAD rsp, rax, rdi, rsi, rdx, r10, r8, r9
    jmp locked
claimed:
    call syscall_claimed
    jmp user_return
    .cfi_endproc

    .text
    OUTERMOST
/* From here on the frame has all registers, and everything else can be done to the thread. */
whole_call:
    SAVE_KEPT
    mov %rsp, %rdx
    mov %gs:IN_CPU_STACK_TOP, %rsp
    xor %ebp, %ebp
    cmpq $0, %gs:IN_CPU_CALL_LIMIT
    jne 1f
    push %rdx
    push %rdx
    call syscall_watched
    pop %rdx
    pop %rdx
    test %al, %al
    jnz user_return
1:
    mov IN_THREAD_rax(%rdx), %rax
    lea -NUMBER_EP_CALL(%rax), %rdi
    cmp $NUMBER_EP_REPLY_WAIT - NUMBER_EP_CALL, %rdi
    jbe message
    mov IN_THREAD_r10(%rdx), %rcx
    LOAD rdx, rdi, rsi, r8, r9, rdx
    call dispatch_any
    jmp finish
message:
    call syscall_run_message
    jmp finish

/* RAX = status, RDX = value. A call that blocks and leaves the CPU settled says by RDX who is to run (sched_wait). */
not_done:
    jne unsettled
    STAY_END
    mov %gs:IN_CPU_CURRENT, %rsp
    SAVE_KEPT
    mov %rdx, %rsp
    SWITCH
    UNLOCK
    jmp load_and_return

/* RAX = status, RDX = value. The running thread is still the caller, or it has deleted itself. */
unsettled:
    mov %rsp, %rcx
    mov %gs:IN_CPU_CURRENT, %rsp
    test %rsp, %rsp
    jz 1f
    SAVE_KEPT
1:
    mov %rcx, %rsp
    xor %ebp, %ebp
finish:
    mov %rax, %rdi
    mov %rdx, %rsi
    call syscall_finish

    .globl user_return
    .type user_return, @function
/* Leave for the current thread, the way it came in. */
user_return:
    mov %gs:IN_CPU_CURRENT, %rsp
load_and_return:
    cmpl $FRAME_SYSCALL, IN_THREAD_VECTOR(%rsp)
    LOAD_KEPT
    LOAD rsp, rax, rdi, rsi, rdx, r10, r8, r9
    jne 1f
    SYSCALL_RETURN
1:
    LOAD rsp, rcx, r11
    lea IN_THREAD_RIP(%rsp), %rsp
    swapgs
    iretq
    .cfi_endproc

    .section .note.GNU-stack, "", @progbits
