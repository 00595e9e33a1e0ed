/*
 * Instructions that ring 3 must not execute, in the order of the table in security.c. RBX, RSI and RDI point at memory;
 * RCX = an MSR, RDX = a port, RAX = 0.
 */
#define PIECE .balign 32

    .text
    .globl privileged_code
    PIECE
privileged_code:
    cli
    PIECE
    sti
    PIECE
    hlt
    PIECE
    in %dx, %al
    PIECE
    in $0x71, %eax
    PIECE
    out %al, %dx
    PIECE
    insb
    PIECE
    outsb
    PIECE
    rdmsr
    PIECE
    wrmsr
    PIECE
    mov %cr0, %rax
    PIECE
    mov %cr2, %rax
    PIECE
    mov %cr3, %rax
    PIECE
    mov %cr4, %rax
    PIECE
    mov %cr8, %rax
    PIECE
    mov %rax, %cr0
    PIECE
    mov %rax, %cr2
    PIECE
    mov %rax, %cr3
    PIECE
    mov %rax, %cr4
    PIECE
    mov %rax, %cr8
    PIECE
    mov %dr7, %rax
    PIECE
    mov %rax, %dr7
    PIECE
    mov %rax, %dr0
    PIECE
    lgdt (%rbx)
    PIECE
    lidt (%rbx)
    PIECE
    lldt %ax
    PIECE
    ltr %ax
    PIECE
    lmsw %ax
    PIECE
    clts
    PIECE
    invd
    PIECE
    wbinvd
    PIECE
    invlpg (%rbx)
    PIECE
    sgdt (%rbx)
    PIECE
    sidt (%rbx)
    PIECE
    sldt %eax
    PIECE
    str %eax
    PIECE
    smsw %eax
    PIECE
    swapgs
    PIECE
    sysretq
    PIECE
    xsetbv
    PIECE
    rdpmc
    PIECE
    iretq /* security.c has put its frame on the stack */
    PIECE
    lretq
    PIECE
    int $13
    PIECE
    wrfsbase %rax
    PIECE
    wrgsbase %rax
    PIECE
    rdgsbase %rax
    PIECE
    stac
    PIECE
    clac
    PIECE
    vmcall
    PIECE
    rsm
    PIECE
    monitor
    PIECE
    int3

/* One-byte instructions, executed again and again, each time with another port. */
    .globl port_in, port_out
port_in:
    in %dx, %al
    int3
port_out:
    out %al, %dx
    int3

    .section .note.GNU-stack, "", @progbits
