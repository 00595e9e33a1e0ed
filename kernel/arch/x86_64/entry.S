/*
 * All ways into the kernel except SYSCALL. syscall.S has that, and the way out.
 *
 * From user mode, registers are pushed straight into the running thread's struct frame (state.h): the CPU itself starts
 * there (TSS.RSP0 is the frame's end). Then RSP moves to the CPU's kernel stack, which is empty between two entries,
 * and C decides which thread runs next. The way out loads that thread's frame.
 *
 * In the kernel interrupts are off, except while an idle CPU waits in arch_idle; an interrupt there runs on the kernel
 * stack and returns. Any other exception in the kernel is the kernel's mistake and ends in a panic.
 *
 * GS: the user's is always 0 (CR4.FSGSBASE is off, so it can't be changed); SWAPGS makes it this CPU's area. Entries
 * that can hit the kernel between an entry and its SWAPGS have stacks of their own (IST) and look at the MSR.
 *
 * Sources: Intel SDM vol. 3A, 64-Bit Mode Stack Frame, Interrupt Stack Table; vol. 2, SWAPGS.
 */
#include "kernel/arch/x86_64/contract/offsets.h"
#include "kernel/arch/x86_64/outermost.h"

    .section .boot_only, "ax"
    .globl kernel_start
    .type kernel_start, @function
/* Entered by the boot loader. RDI: struct boot_info. */
kernel_start:
    OUTERMOST
    lea boot_stack_top(%rip), %rsp
    xor %ebp, %ebp
    call kernel_main
    ud2
    .cfi_endproc

    .text

/* Push the registers of the frame, from R11 down; the words above are pushed already. */
.macro PUSH_GENERAL
    .irp register, r11, rcx, rax, rdi, rsi, r9, r8, r10, rdx, rbx, rbp, r12, r13, r14, r15
    push %\register
    .endr
.endm

.macro POP_GENERAL
    .irp register, r15, r14, r13, r12, rbp, rbx, rdx, r10, r8, r9, rsi, rdi, rax, rcx, r11
    pop %\register
    .endr
.endm

/*
 * One stub for each vector. Stubs of exceptions without an error code push a zero in its place. Interrupts have many
 * stubs, so each is as small as possible: it pushes the vector less 128, which fits a byte, in the place of the error
 * code, and a short jump leads to the end of its group of stubs.
 */
    .globl exception_stubs, interrupt_stubs
    .balign 16
exception_stubs:
    OUTERMOST
    .set vector, 0
    .rept EXCEPTIONS
    .balign EXCEPTION_STUB_BYTES
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push $0
    .endif
    push $vector
    jmp interrupt_common
    .set vector, vector + 1
    .endr

    .balign 16
interrupt_stubs:
    .rept (256 - EXCEPTIONS) / INTERRUPT_GROUP
    .rept INTERRUPT_GROUP
    push $(vector - 128)
    jmp 1f
    .set vector, vector + 1
    .endr
1:
    jmp interrupt_of_device
    .balign 8
    .endr

interrupt_of_device:
    push (%rsp)
    addq $128, (%rsp)
    movq $0, 8(%rsp)

interrupt_common:
    testb $3, 24(%rsp) /* only the saved CS tells the mode it came from */
    jz interrupt_in_kernel
    swapgs
interrupt_from_user:
    PUSH_GENERAL
    mov %gs:IN_CPU_STACK_TOP, %rsp
    push $2 /* user flags such as AC, DF and NT do not reach C */
    popfq
    xor %ebp, %ebp
    mov %gs:IN_CPU_SELF, %rdi
    call interrupt_enter
    jmp user_return

/*
 * An idle CPU was interrupted, or the kernel has made a mistake. In syscall.S RSP is no stack, but the report needs
 * one.
 */
interrupt_in_kernel:
    PUSH_GENERAL
    mov %rsp, %rdi
    mov %gs:IN_CPU_STACK_TOP, %rax
    mov %rax, %rcx
    sub %rsp, %rcx
    cmp $STACK_BYTES, %rcx
    cmovae %rax, %rsp
    call interrupt_kernel
    POP_GENERAL
    add $16, %rsp
    iretq

/*
 * Double fault, NMI, debug and machine check run on IST stacks. From user mode the words that the CPU pushed are moved
 * to the thread's frame, and the usual path follows. From the kernel they can come at any instruction, so the MSR must
 * tell whether GS is the user's.
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
    mov %rax, %gs:IN_CPU_SCRATCH
    mov %gs:IN_CPU_CURRENT, %rax
    .set at, 48
    .irp member, SS, RSP, RFLAGS, CS, RIP, ERROR, VECTOR
    pushq at(%rsp)
    popq IN_THREAD_\member(%rax)
    .set at, at - 8
    .endr
    lea IN_THREAD_VECTOR(%rax), %rsp
    mov %gs:IN_CPU_SCRATCH, %rax
    jmp interrupt_from_user

ist_in_kernel:
    PUSH_GENERAL
    mov $MSR_GS_BASE, %ecx
    rdmsr
    mov %edx, %ebx /* kept over the call; negative: the kernel's */
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
    POP_GENERAL
    add $16, %rsp
    iretq
    .cfi_endproc

    .bss
    .balign 4096
    .skip 16384
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
