/*
 * The macros of syscall.S: the checks and actions at each step of a system call. RSP points to the running thread.
 * syscall.S says which registers are free.
 */
#include "kernel/arch/x86_64/contract/offsets.h"

/* Move registers to, and from, the frame of the thread that register `thread` points to. */
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
 * The measurement of stay.h. STAY_BEGIN: this CPU has the lock, and RSP points to the running thread. The stay ends at
 * STAY_END, with RSP at the kernel's stack, or in C. The fast path is not measured, nor is move_capabilities.
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

/* Move the registers that C functions preserve to, and from, the thread that RSP points to. */
.macro SAVE_KEPT
    SAVE rsp, rbx, rbp, r12, r13, r14, r15
.endm
.macro LOAD_KEPT
    LOAD rsp, rbx, rbp, r12, r13, r14, r15
.endm

/* Return to user mode. All other registers have their final values. */
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

#define FAST_TRIES 1000 /* checks of the lock before the long way is taken */

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

/*
 * RDI becomes the slot of an endpoint capability, RCX the endpoint. Jumps to `otherwise` if there is none or it lacks
 * the right. An index that is too large becomes 0 as by arch_bound(), and slot 0 is empty.
 */
.macro FIND_ENDPOINT mask, head, otherwise
    cmp IN_THREAD_SLOT_COUNT(%rsp), %rdi
    sbb %rax, %rax
    and %rax, %rdi
    shl $SLOT_SHIFT, %rdi
    add IN_THREAD_SLOTS(%rsp), %rdi
    mov IN_SLOT_HEAD(%rdi), %rcx
    mov %ecx, %eax
    and $\mask, %eax
    cmp $\head, %eax
    jne \otherwise
    sar $16, %rcx
.endm

/*
 * May the waiting thread, which lies `offset` bytes before RAX, run at once in the place of this one? The rare part
 * checks its priority: is a thread ready that would not come after it? R11: the value that its `direct` must have.
 */
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

/*
 * Move the part of the message that is not in registers, if any, to the thread that lies `offset` bytes before RAX. The
 * message's registers are saved in this thread's frame, so they may be used. `grant`: the right that capabilities need,
 * if any.
 */
.macro MOVE_REST offset, otherwise, grant
    cmp $WORDS_IN_REGISTERS, %esi
    ja 8f
7:
    .pushsection .text.syscall_rare, "ax"
8:
    cmp $WORDS_MAX, %esi /* only words: flags and capabilities make it larger */
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

/* Make the thread that RSP points to the running one: see arch_switch. RAX, RCX and R11 are free. */
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

/*
 * Answer the thread in RAX, and let this thread wait in the queue, before the first receiver, if there is one (RDI: its
 * thread.wait, or 0). Leaves 0 in RDI.
 */
.macro COMMIT_REPLY
    movq $0, IN_THREAD_REPLY_SLOT(%rax) /* cap_clear_reply */
    movq $0, IN_THREAD_REPLY(%rsp)
    lea IN_THREAD_WAIT(%rsp), %r11 /* queue_enter_first */
    mov %r11, IN_ENDPOINT_RECEIVERS(%rcx)
    lea IN_ENDPOINT_RECEIVERS(%rcx), %r11
    mov %r11, IN_THREAD_WAIT_HEAP(%rsp)
    mov IN_THREAD_QUEUE_RANK(%rsp), %r11
    mov %r11, IN_THREAD_WAIT + IN_NODE_KEY(%rsp)
    movl $1, IN_THREAD_WAIT + IN_NODE_RANK(%rsp)
    test %rdi, %rdi
    jnz 8f
7:
    .pushsection .text.syscall_rare, "ax"
8:
    mov IN_NODE_KEY(%rdi), %r11 /* this thread goes before it, as its parent */
    mov %r11, IN_THREAD_WAIT + IN_NODE_KEY(%rsp)
    mov %rdi, IN_THREAD_WAIT + IN_NODE_LEFT(%rsp)
    lea IN_THREAD_WAIT(%rsp), %r11
    mov %r11, IN_NODE_PARENT(%rdi)
    xor %edi, %edi
    jmp 7b
    .popsection
    movb $STATE_IN_WAIT, IN_THREAD_STATE(%rsp)
    movb $STATE_RUNNING, IN_THREAD_STATE(%rax)
    SAVE_KEPT
    mov %rax, %rsp
    SWITCH
    LEAVE_FAST
.endm
