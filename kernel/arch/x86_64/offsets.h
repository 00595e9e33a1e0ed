/*
 * Offsets that entry.S uses, in a form both languages read. state.h asserts that each is the structure's.
 */
#pragma once

#define FRAME_VECTOR 120
#define FRAME_SYSCALL 256 /* in place of a vector: came by SYSCALL, leave by SYSRET */

#define CPU_SELF 0
#define CPU_FRAME 8
#define CPU_FRAME_END 16
#define CPU_STACK_TOP 24
#define CPU_SCRATCH 32

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28

#define MSR_GS_BASE 0xc0000101
