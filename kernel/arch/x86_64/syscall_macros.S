/*
 * The macros that syscall.S is written in: what is asked and done at each step of a system call's way. RSP points to the running
 * thread; which registers are free is said there.
 */
#include "kernel/arch/x86_64/contract/offsets.h"

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

/* RDI = slot of an endpoint capability, RCX = the endpoint. To `otherwise` if it is not there or lacks the right. An index that
 * is too large becomes 0 as by arch_bound(), and slot 0 is empty. */
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

/* RAX answered, this thread waits in the queue, before RDI, the first one there (-> thread.wait), if there is one. RDI = 0. */
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
    mov IN_NODE_KEY(%rdi), %r11 /* goes before it, as its parent */
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
