/*
 * What the assembly needs to know of structures and numbers, in a form both languages read. offsets.c asserts that each
 * is right.
 */
#pragma once

/* struct thread */
#define IN_THREAD_FRAME 64
#define IN_THREAD_R15 (IN_THREAD_FRAME + 0)
#define IN_THREAD_R14 (IN_THREAD_FRAME + 8)
#define IN_THREAD_R13 (IN_THREAD_FRAME + 16)
#define IN_THREAD_R12 (IN_THREAD_FRAME + 24)
#define IN_THREAD_RBP (IN_THREAD_FRAME + 32)
#define IN_THREAD_RBX (IN_THREAD_FRAME + 40)
#define IN_THREAD_RDX (IN_THREAD_FRAME + 48)
#define IN_THREAD_R10 (IN_THREAD_FRAME + 56)
#define IN_THREAD_R8 (IN_THREAD_FRAME + 64)
#define IN_THREAD_R9 (IN_THREAD_FRAME + 72)
#define IN_THREAD_RSI (IN_THREAD_FRAME + 80)
#define IN_THREAD_RDI (IN_THREAD_FRAME + 88)
#define IN_THREAD_RAX (IN_THREAD_FRAME + 96)
#define IN_THREAD_RCX (IN_THREAD_FRAME + 104)
#define IN_THREAD_R11 (IN_THREAD_FRAME + 112)
#define IN_THREAD_VECTOR (IN_THREAD_FRAME + 120)
#define IN_THREAD_ERROR (IN_THREAD_FRAME + 128)
#define IN_THREAD_RIP (IN_THREAD_FRAME + 136)
#define IN_THREAD_CS (IN_THREAD_FRAME + 144)
#define IN_THREAD_RFLAGS (IN_THREAD_FRAME + 152)
#define IN_THREAD_RSP (IN_THREAD_FRAME + 160)
#define IN_THREAD_SS (IN_THREAD_FRAME + 168)
#define IN_THREAD_FRAME_END (IN_THREAD_FRAME + 176)
#define IN_THREAD_FS_BASE 240
#define IN_THREAD_ROOT 256
#define IN_THREAD_STATE 272
#define IN_THREAD_PRIORITY 273
#define IN_THREAD_MESSAGE 280
#define IN_THREAD_DIRECT 296
#define IN_THREAD_SLOTS 304
#define IN_THREAD_SLOT_LIMIT 312
#define IN_THREAD_QUEUE_RANK 320
#define IN_THREAD_REPLY_HEAD 328
#define IN_THREAD_WAIT_HEAP 368
#define IN_THREAD_WAIT 376
#define IN_THREAD_REPLY_SLOT 512
#define IN_THREAD_REPLY 520
#define IN_THREAD_NOTIFICATION 648

/* Bits in place of a vector: came by SYSCALL, leave by SYSRET. */
#define FRAME_SYSCALL 256

/* struct heap_node */
#define IN_NODE_KEY 0
#define IN_NODE_LEFT 16
#define IN_NODE_RANK 32

/* struct endpoint, struct notification */
#define IN_ENDPOINT_SENDERS 64
#define IN_ENDPOINT_RECEIVERS 72
#define IN_NOTIFICATION_BITS 64

/* struct cap_slot, struct message_page, struct ticket_lock */
#define IN_SLOT_HEAD 0
#define IN_SLOT_DATA 8
#define SLOT_SHIFT 5
#define IN_MESSAGE_LONG 32 /* the first word that is not in registers */
#define IN_LOCK_NEXT 0
#define IN_LOCK_SERVING 4

/* struct cpu */
#define IN_CPU_SELF 0
#define IN_CPU_STACK_TOP 8
#define IN_CPU_SCRATCH 16
#define IN_CPU_ROOT 24
#define IN_CPU_FS_BASE 32
#define IN_CPU_CALL_LIMIT 40
#define IN_CPU_DIRECT 48
#define IN_CPU_RSP0 68
#define IN_CPU_BLOCKED 188
#define IN_CPU_UNSETTLED 189
#define IN_CPU_CURRENT 192
#define IN_CPU_READY_BITMAP 200
#define IN_CPU_SPACE_SWITCHES 208

/* Numbers that are enums to C. */
#define NUMBER_EP_CALL 38
#define NUMBER_EP_REPLY_WAIT 41
#define HEAD_MASK_CALL 0x1ff /* type, and the one right */
#define HEAD_CALL 0x106
#define HEAD_MASK_WAIT 0x2ff
#define HEAD_WAIT 0x206
#define STATE_RUNNING 2
#define STATE_IN_CALL 3
#define STATE_IN_WAIT 4
#define STATE_IN_FAULT 6
#define STATUS_BLOCKED 254
#define STATUS_CALL 16
#define WORDS_IN_REGISTERS 4
#define WORDS_MAX 64

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28

#define EXCEPTIONS 32 /* vectors; the others are interrupts */
#define EXCEPTION_STUB_BYTES 16
#define INTERRUPT_STUB_BYTES 8

#define STACK_BYTES 16384 /* of a CPU */

/* trampoline_parameters: eight bytes each */
#define IN_TRAMPOLINE_ROOT 0
#define IN_TRAMPOLINE_STACK 8
#define IN_TRAMPOLINE_CPU 16
#define IN_TRAMPOLINE_ENTRY 24

#define CR4_PAE 0x20
#define EFER_LONG_MODE_NO_EXECUTE 0x900

#define MSR_EFER 0xc0000080
#define MSR_GS_BASE 0xc0000101
#define MSR_FS_BASE 0xc0000100
