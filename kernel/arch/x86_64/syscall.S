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
#include "kernel/arch/x86_64/offsets.h"
#include "kernel/arch/x86_64/outermost.h"

/* Registers to and from the frame of the thread that register `thread` points to. */
.macro SAVE thread, registers:vararg
    .irp register, \registers
    mov %\register, IN_THREAD_\register(%\thread)
    .endr
.endm
.macro LOAD thread, registers:vararg
    .irp register, \registers
    mov IN_THREAD_\register(%\thread), %\register
    .endr
.endm

/*
 * What stay.h measures: from here, where the lock is this CPU's and RSP points to the running thread, up to STAY_END, with RSP at the
 * kernel's stack, or to C. The fast path is not measured, nor what move_capabilities does for it.
 */
.macro STAY_BEGIN
    .if BATON_STAYS
    mov %gs:IN_CPU_STACK_TOP, %rsp
    call syscall_stay_begin
    mov %gs:IN_CPU_CURRENT, %rsp
    LOAD rsp, rax, rdi, rsi, rdx, r10, r8, r9
    .endif
.endm
.macro STAY_END
    .if BATON_STAYS
    push %rax
    push %rdx
    call syscall_stay_end
    pop %rdx
    pop %rax
    .endif
.endm

/* What C functions keep, to and from the thread RSP points to. */
.macro SAVE_KEPT
    SAVE rsp, rbx, rbp, r12, r13, r14, r15
.endm
.macro LOAD_KEPT
    LOAD rsp, rbx, rbp, r12, r13, r14, r15
.endm

/* Back to user mode, all other registers being right. */
.macro SYSCALL_RETURN
    mov IN_THREAD_RIP(%rsp), %rcx
    mov IN_THREAD_RFLAGS(%rsp), %r11
    mov IN_THREAD_RSP(%rsp), %rsp
    swapgs
    sysretq
.endm

.macro UNLOCK
    incl kernel_ticket_lock + IN_LOCK_SERVING(%rip)
.endm

#define FAST_TRIES 1000 /* looks at the lock, before the long way is taken */

/* See lock.h. */
.macro ENTER_FAST
    lock orb $1, %gs:IN_CPU_FAST
    mov kernel_ticket_lock + IN_LOCK_SERVING(%rip), %ecx
    cmp %ecx, kernel_ticket_lock + IN_LOCK_HOLDER(%rip)
    je fast_busy
.endm

.macro LEAVE_FAST
    movb $0, %gs:IN_CPU_FAST
.endm

/* RDI = slot of an endpoint capability, RCX = the endpoint. To `otherwise` if it is not there or lacks the right. */
.macro FIND_ENDPOINT mask, head, otherwise
    lea -1(%rdi), %rcx
    cmp IN_THREAD_SLOT_LIMIT(%rsp), %rcx
    jae \otherwise
    shl $SLOT_SHIFT, %rdi
    add IN_THREAD_SLOTS(%rsp), %rdi
    mov IN_SLOT_HEAD(%rdi), %rcx
    mov %ecx, %eax
    and $\mask, %eax
    cmp $\head, %eax
    jne \otherwise
    sar $16, %rcx
.endm

/* May the thread, `offset` bytes before RAX, which waits, run at once in the place of this one? The longer question is
 * about its priority: is anybody ready who would not come after it? R11 = what `direct` has to be. */
.macro CHECK_DIRECT offset, otherwise
    mov %gs:IN_CPU_DIRECT, %r11
    cmp %r11, IN_THREAD_DIRECT - \offset(%rax)
    jne \otherwise
    cmpq $0, %gs:IN_CPU_READY_BITMAP
    jne 8f
7:
    .pushsection .text.syscall_rare, "ax"
8:
    mov %rcx, %gs:IN_CPU_SCRATCH
    mov IN_THREAD_PRIORITY - \offset(%rax), %cl
    mov %gs:IN_CPU_READY_BITMAP, %r11
    shr %cl, %r11
    mov %gs:IN_CPU_SCRATCH, %rcx
    mov %gs:IN_CPU_DIRECT, %r11 /* changes no flag */
    jnz \otherwise
    jmp 7b
    .popsection
.endm

/* Bring what is not in registers, if anything, to the thread `offset` bytes before RAX. The message's registers are in this
 * thread's frame, so they may be used. `grant` is the right that capabilities need, if they do. */
.macro MOVE_REST offset, otherwise, grant
    cmp $WORDS_IN_REGISTERS, %esi
    ja 8f
7:
    .pushsection .text.syscall_rare, "ax"
8:
    cmp $WORDS_MAX, %esi /* nothing but words: flags and capabilities make it larger */
    ja 9f
    cmpq $0, IN_THREAD_MESSAGE(%rsp)
    je \otherwise
    cmpq $0, IN_THREAD_MESSAGE - \offset(%rax)
    je \otherwise
    mov %rcx, %r10
    mov %rdi, %rdx
    lea -WORDS_IN_REGISTERS(%rsi), %ecx
    mov IN_THREAD_MESSAGE(%rsp), %rsi
    mov IN_THREAD_MESSAGE - \offset(%rax), %rdi
    add $IN_MESSAGE_LONG, %rsi
    add $IN_MESSAGE_LONG, %rdi
    rep movsq
    mov %r10, %rcx
    mov %rdx, %rdi
    LOAD rsp, rsi, rdx, r10
    jmp 7b
9:
    cmp $INFO_MAX, %esi
    ja \otherwise
    cmp $WORDS_MAX, %sil
    ja \otherwise
    .ifnb \grant
    testb $\grant, IN_SLOT_HEAD + 1(%rdi)
    jz \otherwise
    .endif
    lea -\offset(%rax), %r10
    mov %gs:IN_CPU_STACK_TOP, %rsp
    call move_capabilities
    mov %r11, %rsp
    jmp 7b
    .popsection
.endm

/* The thread RSP points to is the running one: see arch_switch. RAX, RCX and R11 are free. */
.macro SWITCH
    mov %rsp, %gs:IN_CPU_CURRENT
    lea IN_THREAD_FRAME_END(%rsp), %rcx
    mov %rcx, %gs:IN_CPU_RSP0
    mov IN_THREAD_ROOT(%rsp), %rcx
    cmp %rcx, %gs:IN_CPU_ROOT
    je 6f
    mov %rcx, %gs:IN_CPU_ROOT
    incq %gs:IN_CPU_SPACE_SWITCHES
    mov %rcx, %cr3
6:
    mov IN_THREAD_FS_BASE(%rsp), %rcx
    or %gs:IN_CPU_FS_BASE, %rcx
    jnz 8f
7:
    .pushsection .text.syscall_rare, "ax"
8:
    mov %rdx, %r11
    mov IN_THREAD_FS_BASE(%rsp), %rax
    mov %rax, %gs:IN_CPU_FS_BASE
    mov %rax, %rdx
    shr $32, %rdx
    mov $MSR_FS_BASE, %ecx
    wrmsr
    mov %r11, %rdx
    jmp 7b
    .popsection
.endm

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
    cmpq $0, IN_NODE_LEFT(%rax) /* others wait as well */
    jne long_way
    CHECK_DIRECT IN_THREAD_WAIT, long_way
    MOVE_REST IN_THREAD_WAIT, long_way, GRANT
commit_call:
    movq $0, IN_ENDPOINT_RECEIVERS(%rcx)
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
    cmpq $0, IN_ENDPOINT_SENDERS(%rcx)
    jne long_way
    cmpq $0, IN_ENDPOINT_RECEIVERS(%rcx)
    jne long_way
    cmpq $0, IN_THREAD_NOTIFICATION(%rsp)
    jne check_notification
no_bits:
    CHECK_DIRECT 0, long_way
    cmp %r11, IN_ENDPOINT_HOME(%rcx)
    jne long_way
    cmpb $STATE_IN_CALL, IN_THREAD_STATE(%rax)
    jne fast_resume
    MOVE_REST 0, long_way

/* RAX answered, this thread waits in the queue. */
.macro COMMIT_REPLY
    movq $0, IN_THREAD_REPLY_SLOT(%rax) /* cap_clear_reply */
    movq $0, IN_THREAD_REPLY(%rsp)
    lea IN_THREAD_WAIT(%rsp), %r11 /* queue_enter, where nobody waits */
    mov %r11, IN_ENDPOINT_RECEIVERS(%rcx)
    lea IN_ENDPOINT_RECEIVERS(%rcx), %r11
    mov %r11, IN_THREAD_WAIT_HEAP(%rsp)
    mov IN_THREAD_QUEUE_RANK(%rsp), %r11
    mov %r11, IN_THREAD_WAIT + IN_NODE_KEY(%rsp)
    movl $1, IN_THREAD_WAIT + IN_NODE_RANK(%rsp)
    movb $STATE_IN_WAIT, IN_THREAD_STATE(%rsp)
    movb $STATE_RUNNING, IN_THREAD_STATE(%rax)
    SAVE_KEPT
    mov %rax, %rsp
    SWITCH
    LEAVE_FAST
.endm

commit_reply:
    COMMIT_REPLY
    LOAD_KEPT
    xor %eax, %eax
    xor %edi, %edi
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
