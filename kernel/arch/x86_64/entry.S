/*
 * Every way into the kernel, and the one way out.
 *
 * From user mode, registers are pushed straight into the running thread's struct frame (state.h): for interrupts the CPU
 * itself starts there (TSS.RSP0 is the frame's end), for SYSCALL the first instructions move there. Then the CPU's
 * kernel stack is taken, which holds nothing between two entries, and C decides who runs next. The way out pops the
 * frame of whoever that is.
 *
 * In the kernel interrupts are off, except while an idle CPU waits in arch_idle; what comes in there runs on the kernel
 * stack and returns. Any other exception in the kernel is the kernel's mistake and ends in a panic.
 *
 * GS: the user's is always 0 (CR4.FSGSBASE is off, so it can't be changed); SWAPGS makes it this CPU's area. Entries that
 * can hit the kernel between an entry and its SWAPGS have stacks of their own (IST) and look at the MSR.
 *
 * Sources: Intel SDM vol. 3A, 64-Bit Mode Stack Frame, Interrupt Stack Table; vol. 2, SYSCALL, SYSRET, SWAPGS.
 */
#include "kernel/arch/x86_64/offsets.h"

    .section .text.start, "ax"
    .globl kernel_start
    .type kernel_start, @function
/* From the boot loader, RDI = struct boot_info. */
kernel_start:
    lea boot_stack_top(%rip), %rsp
    xor %ebp, %ebp
    call kernel_main
    ud2

    .text

/* r11 and what is above it in the frame are there; push the rest. */
.macro PUSH_GENERAL
    push %r11
    push %rcx
    push %rax
    push %rdi
    push %rsi
    push %r9
    push %r8
    push %r10
    push %rdx
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro POP_ALL_BUT_RCX_R11
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %rdx
    pop %r10
    pop %r8
    pop %r9
    pop %rsi
    pop %rdi
    pop %rax
.endm

    .globl syscall_entry
    .type syscall_entry, @function
    .balign 64
/*
 * SYSCALL: RCX = return address, R11 = flags, RSP still the user's. The return address is canonical: the last page of
 * the user half is never mapped, so no SYSCALL instruction ends at its edge. SFMASK has cleared all flags that matter.
 */
syscall_entry:
    swapgs
    mov %rsp, %gs:CPU_SCRATCH
    mov %gs:CPU_FRAME_END, %rsp
    push $SELECTOR_USER_DATA
    push %gs:CPU_SCRATCH
    push %r11
    push $SELECTOR_USER_CODE
    push %rcx
    push $0
    push $FRAME_SYSCALL
    PUSH_GENERAL
    mov %gs:CPU_STACK_TOP, %rsp
    xor %ebp, %ebp
    mov %gs:CPU_SELF, %rdi
    call syscall_enter

    .globl user_return
    .type user_return, @function
/* Leave for the current thread, the way it came in. */
user_return:
    mov %gs:CPU_FRAME, %rsp
    cmpl $FRAME_SYSCALL, FRAME_VECTOR(%rsp)
    POP_ALL_BUT_RCX_R11
    jne 1f
    mov 32(%rsp), %rcx /* rip */
    mov 48(%rsp), %r11 /* rflags */
    mov 56(%rsp), %rsp
    swapgs
    sysretq
1:
    pop %rcx
    pop %r11
    add $16, %rsp
    swapgs
    iretq

/* One stub a vector; those for which the CPU pushes no error code push a zero in its place. */
.macro INTERRUPT_STUB vector, has_error
    .balign 16
    .if !\has_error
    push $0
    .endif
    push $\vector
    jmp interrupt_common
.endm

    .globl interrupt_stubs
    .balign 16
interrupt_stubs:
    .set vector, 0
    .rept 256
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
    INTERRUPT_STUB vector, 1
    .else
    INTERRUPT_STUB vector, 0
    .endif
    .set vector, vector + 1
    .endr

    .balign 64
interrupt_common:
    testb $3, 24(%rsp) /* the saved CS says where it came from, and nothing else does */
    jz interrupt_in_kernel
    swapgs
interrupt_from_user:
    PUSH_GENERAL
    mov %gs:CPU_STACK_TOP, %rsp
    push $2 /* user flags such as AC, DF and NT do not reach C */
    popfq
    xor %ebp, %ebp
    mov %gs:CPU_SELF, %rdi
    call interrupt_enter
    jmp user_return

/* Idle was interrupted, or the kernel has made a mistake. */
interrupt_in_kernel:
    PUSH_GENERAL
    mov %rsp, %rdi
    call interrupt_kernel
    POP_ALL_BUT_RCX_R11
    pop %rcx
    pop %r11
    add $16, %rsp
    iretq

/*
 * Double fault, NMI, debug and machine check run on IST stacks. From user mode they continue on the usual path, with
 * what the CPU pushed moved to the thread's frame. From the kernel they can come at any instruction, so whether GS is the
 * user's is read from the MSR.
 */
.macro IST_ENTRY name, vector, has_error
    .globl \name
    .type \name, @function
    .balign 16
\name:
    .if !\has_error
    push $0
    .endif
    push $\vector
    jmp ist_common
.endm

IST_ENTRY ist_double_fault, 8, 1
IST_ENTRY ist_nmi, 2, 0
IST_ENTRY ist_debug, 1, 0
IST_ENTRY ist_machine_check, 18, 0

ist_common:
    testb $3, 24(%rsp)
    jz ist_in_kernel
    swapgs
    mov %rax, %gs:CPU_SCRATCH
    mov %gs:CPU_FRAME_END, %rax
    pushq 48(%rsp) /* ss */
    popq -8(%rax)
    pushq 40(%rsp) /* rsp */
    popq -16(%rax)
    pushq 32(%rsp) /* rflags */
    popq -24(%rax)
    pushq 24(%rsp) /* cs */
    popq -32(%rax)
    pushq 16(%rsp) /* rip */
    popq -40(%rax)
    pushq 8(%rsp) /* error */
    popq -48(%rax)
    pushq 0(%rsp) /* vector */
    popq -56(%rax)
    lea -56(%rax), %rsp
    mov %gs:CPU_SCRATCH, %rax
    jmp interrupt_from_user

ist_in_kernel:
    PUSH_GENERAL
    mov $MSR_GS_BASE, %ecx
    rdmsr
    mov %edx, %ebx /* kept over the call: negative = the kernel's */
    test %edx, %edx
    js 1f
    swapgs
1:
    mov %rsp, %rdi
    cld
    call interrupt_ist
    test %ebx, %ebx
    js 2f
    swapgs
2:
    POP_ALL_BUT_RCX_R11
    pop %rcx
    pop %r11
    add $16, %rsp
    iretq

    .bss
    .balign 4096
    .skip 16384
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
