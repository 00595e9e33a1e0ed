/* The failure that this project was born from: CR3 gets a root without the kernel half, so no IDT can report it. */
#include "guest.inc"
    tap "1..2\nok 1 - before\n"
    lidt empty_idt
    call load_bare_root
    tap "ok 2 - after\n"
    power_off 0

load_bare_root:
    push %rbp
    mov %rsp, %rbp
    mov $bare_root - HIGH, %rax
    mov %rax, %cr3
    pop %rbp                            /* never reached: the page of this instruction is gone */
    ret

    .section .rodata
empty_idt:
    .word 0
    .quad 0
