/*
 * The first code of another CPU (smp.c). A page below 1 MiB gets a copy of it, and the CPU enters its first byte in
 * real mode. It goes to protected mode and on to 64-bit mode, as the manual prescribes, and calls C with the parameters
 * that smp.c has put behind the code. EBX is the page's address throughout; the code does not know it in any other way.
 *
 * Source: Intel SDM vol. 3A, MP Initialization; Initializing IA-32e Mode.
 */
#include "kernel/arch/x86_64/contract/offsets.h"

#define AT(label) (label - trampoline_start)

    .section .rodata.trampoline, "a"
    .globl trampoline_start, trampoline_parameters, trampoline_end
    .balign 16
    .code16
trampoline_start:
    cli
    cld
    xor %ebx, %ebx
    mov %cs, %bx
    mov %bx, %ds
    shl $4, %ebx
    lea AT(gdt)(%ebx), %eax
    mov %eax, AT(gdt_register) + 2
    lea AT(protected_mode)(%ebx), %eax
    mov %eax, AT(way_to_protected_mode)
    lea AT(long_mode)(%ebx), %eax
    mov %eax, AT(way_to_long_mode)
    lgdtl AT(gdt_register)
    mov $0x11, %eax /* PE, ET; turns on the caches, which INIT left off */
    mov %eax, %cr0
    ljmpl *AT(way_to_protected_mode)

    .code32
protected_mode:
    mov $SELECTOR_KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %ss
    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov AT(trampoline_parameters) + IN_TRAMPOLINE_ROOT(%ebx), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LONG_MODE_NO_EXECUTE, %eax
    wrmsr
    mov $0x80010011, %eax /* paging, write protection */
    mov %eax, %cr0
    ljmp *AT(way_to_long_mode)(%ebx)

    .code64
long_mode:
    mov %ebx, %ebx /* the upper half is undefined */
    mov AT(trampoline_parameters) + IN_TRAMPOLINE_STACK(%rbx), %rsp
    mov AT(trampoline_parameters) + IN_TRAMPOLINE_START(%rbx), %rdi
    xor %ebp, %ebp
    call *AT(trampoline_parameters) + IN_TRAMPOLINE_ENTRY(%rbx)
    ud2

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff /* only until long mode: 32-bit code */
    .quad 0x00cf92000000ffff
    .quad 0x00af9a000000ffff /* 64-bit code; C loads the kernel's own table */
gdt_register:
    .word 4 * 8 - 1, 0, 0
way_to_protected_mode:
    .word 0, 0, 0x08
way_to_long_mode:
    .word 0, 0, 0x18
    .balign 8
trampoline_parameters:
    .skip 4 * 8
trampoline_end:

    .section .note.GNU-stack, "", @progbits
