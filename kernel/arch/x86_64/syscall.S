/*
 * The way into the kernel by SYSCALL, and the fast path (fastpath.h).
 *
 * RSP only points to the running thread, struct thread: nothing is pushed there. There are three paths, and each saves
 * only what it must. All begin by saving the return address and the arguments, which a handler may read.
 *
 *   fast_call, fast_reply  assembly from end to end: the message stays in its registers RSI, RDX, R10, R8, R9. RAX,
 *                          RCX, RDI and R11 are free. RBX, RBP and R12..R15 are saved in the old thread and loaded from
 *                          the new one. Only a message's long part is moved before the label `commit_...`.
 *   plain_call             C preserves RBX, RBP and R12..R15. If the CPU is settled after the call, nothing else has to
 *                          be saved; if not, these registers are still intact when the call returns.
 *   whole_call             all registers are saved first: for calls that read their caller's registers or may switch
 *                          to another thread, for calls that are watched, and for unknown numbers.
 *
 * Lock: the fast path takes none (lock.h). The other paths take the kernel lock at the entry and hold it to the exit.
 * If another CPU claims the thread (sched_claim) while it waits for the lock here, its call has not begun, and the
 * thread makes it again when it runs next.
 */
#include "kernel/arch/x86_64/outermost.h"
#include "kernel/arch/x86_64/syscall_macros.S"

    .text
    .globl syscall_entry
    .type syscall_entry, @function
    .balign 64
/*
 * RCX: the return address. R11: the flags. RSP: still the user's. The return address is canonical: the last page of the
 * user half is never mapped, so no SYSCALL instruction ends at its edge. SFMASK has cleared all flags that matter.
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
    mov %r10, %rcx /* the fourth argument in C */
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
    mov IN_ENDPOINT_RECEIVERS(%rcx), %rax /* thread.wait of the first */
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
    sar $16, %rax /* the thread that waits for the answer */
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

/* The thread may be in a fault. An answer with label FAULT_RESUME and no other content lets it run on, unchanged. */
fast_resume:
    cmpb $STATE_IN_FAULT, IN_THREAD_STATE(%rax)
    jne long_way
    cmp $WORDS_IN_REGISTERS, %rsi
    ja long_way
commit_resume:
    COMMIT_REPLY
    jmp user_return

/*
 * fast_call when there are more receivers than the first. The first leaves the heap as by heap_remove, if its left
 * child can simply take its place. That child may belong to another CPU, which may take it out as soon as it can be
 * seen: so making it visible comes last.
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
 * fast_reply when the queue is not empty. RDI = senders | receivers. The path can go on if the first receiver has this
 * thread's priority and belongs to this CPU, so that no other CPU takes it out meanwhile. Then this thread goes before
 * it, as the new top of the heap.
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
 * Another CPU has the lock: wait a little. If this CPU took it, too, other CPUs' fast paths would find it taken and do
 * so as well, and all would keep each other on the long way. The wait is short, since only a CPU that waits for the
 * lock answers requests.
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

/* Take the long way. Nothing has been changed. */
long_way:
    LEAVE_FAST
    mov IN_THREAD_rax(%rsp), %rax
    jmp take_lock

/* Raised bits of the bound notification must be taken instead of waiting. */
check_notification:
    mov IN_THREAD_NOTIFICATION + IN_SLOT_HEAD(%rsp), %r11
    sar $16, %r11
    cmpq $0, IN_NOTIFICATION_BITS(%r11)
    je no_bits
    jmp long_way

/*
 * Move a message's capabilities to the thread in R10. All CPUs share their lists, so the lock is needed. If the ticket
 * is served at once, there is only one CPU (lock.h), and the checks so far still hold. With several CPUs, the call
 * begins again with the lock. It also does so if the capabilities can't be moved, which changes nothing. If they were
 * moved, this returns with R11: this thread.
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

/* ECX: the ticket. The whole frame is saved, as another CPU may claim the thread meanwhile. */
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
/* From here on the frame has all registers, so the thread can be changed in any way. */
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

/* RAX: the status. RDX: the value. If a call blocks and the CPU is settled, RDX is the thread to run (sched_wait). */
not_done:
    jne unsettled
    STAY_END
    mov %gs:IN_CPU_CURRENT, %rsp
    SAVE_KEPT
    mov %rdx, %rsp
    SWITCH
    UNLOCK
    jmp load_and_return

/* RAX: the status. RDX: the value. The running thread is still the caller, or there is none: it deleted itself. */
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
/* Return to the current thread by the way it entered. */
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
