/* A root whose kernel half differs from the sealed one: entry 256 lost, 300 added, 511 with another right. */
#include "guest.inc"
    tap "1..2\nok 1 - before\n"
    lidt empty_idt
    mov $bare_root, %rbx
    mov sealed_root + 511 * 8, %rax
    or $0x4, %rax                       /* user may read the kernel */
    mov %rax, 511 * 8(%rbx)
    mov %rax, 300 * 8(%rbx)
    mov $bare_root - HIGH, %rax
    mov %rax, %cr3
    mov $0xffff800000000000, %rax       /* the direct map, which this root lacks */
    mov (%rax), %rax

    .section .rodata
empty_idt:
    .word 0
    .quad 0
