/*
 * The entry point of the PVH loader: 32-bit protected mode, flat segments, paging off, EBX = hvm_start_info. It builds
 * an identity map of the first 4 GiB in 2 MiB pages, enters 64-bit mode and calls pvh_main(start_info).
 * Source: Xen, "x86/HVM direct boot ABI"; Intel SDM vol. 3A, Initializing IA-32e Mode.
 */

#define ELF_NOTE_PHYS32_ENTRY 18
#define ENTRY_TABLE 0x3       /* present, writable */
#define ENTRY_LARGE_PAGE 0x83 /* present, writable, 2 MiB */
#define PAGE_BYTES 4096
#define ENTRY_COUNT 512
#define DIRECTORY_COUNT 4
#define CR4_PAE 0x20
#define CR0_PAGING 0x80000000
#define MSR_EFER 0xc0000080
#define EFER_LONG_MODE 0x100
#define STACK_BYTES 16384

    .section .note.pvh, "a", @note
    .align 4
    .long 4 /* length of the name */
    .long 4 /* length of the value */
    .long ELF_NOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_entry

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    cld
    movl $stack_top, %esp

    /* The four directories lie one after the other, so one loop fills all their entries. */
    movl $directories, %edi
    movl $ENTRY_LARGE_PAGE, %eax
    movl $(DIRECTORY_COUNT * ENTRY_COUNT), %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b

    movl $(directories + ENTRY_TABLE), pointers
    movl $(directories + PAGE_BYTES + ENTRY_TABLE), pointers + 8
    movl $(directories + 2 * PAGE_BYTES + ENTRY_TABLE), pointers + 16
    movl $(directories + 3 * PAGE_BYTES + ENTRY_TABLE), pointers + 24
    movl $(pointers + ENTRY_TABLE), root

    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $root, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LONG_MODE, %eax
    wrmsr
    movl %cr0, %eax
    orl $CR0_PAGING, %eax
    movl %eax, %cr0
    lgdt gdt_register
    ljmp $8, $pvh_long_mode

    .code64
pvh_long_mode:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %ebx, %edi
    xorl %ebp, %ebp
    call pvh_main
2:  cli
    hlt
    jmp 2b

    .section .rodata.entry, "a"
    .align 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* code, 64 bits */
    .quad 0x00cf93000000ffff /* data */
gdt_register:
    .word gdt_register - gdt - 1
    .long gdt

    .section .bss.entry, "aw", @nobits
    .align PAGE_BYTES
root:
    .skip PAGE_BYTES
pointers:
    .skip PAGE_BYTES
directories:
    .skip DIRECTORY_COUNT * PAGE_BYTES
stack:
    .skip STACK_BYTES
stack_top:
