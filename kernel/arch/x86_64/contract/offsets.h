/*
 * Numbers for C and for the assembly. Those of offsets.def are symbols to the assembler, enumerators to C.
 */
#pragma once

#ifdef __ASSEMBLER__
#define OFFSET(name, value, type, member) .set name, value;
#define NUMBER(name, value, expression) .set name, value;
#include "kernel/arch/x86_64/contract/offsets.def"
#else
enum offset {
#define OFFSET(name, value, type, member) name = value,
#define NUMBER(name, value, expression) name = value,
#include "kernel/arch/x86_64/contract/offsets.def"
};
#endif
#undef OFFSET
#undef NUMBER

#define FRAME_SYSCALL 256 /* in place of a vector: entered by SYSCALL, leave by SYSRET */
#define SLOT_SHIFT 5

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28

#define EXCEPTIONS 32 /* vectors; the others are interrupts */
#define EXCEPTION_STUB_BYTES 16
#define INTERRUPT_STUB_BYTES 4
#define INTERRUPT_GROUP 32 /* stubs that end in one jump, which takes the space of two */

#define STACK_BYTES 16384 /* of a CPU's kernel stack */

/* trampoline_parameters: eight bytes each */
#define IN_TRAMPOLINE_ROOT 0
#define IN_TRAMPOLINE_STACK 8
#define IN_TRAMPOLINE_START 16
#define IN_TRAMPOLINE_ENTRY 24

#define CR4_PAE 0x20
#define EFER_LONG_MODE_NO_EXECUTE 0x900

#define MSR_EFER 0xc0000080
#define MSR_GS_BASE 0xc0000101
#define MSR_FS_BASE 0xc0000100
