/*
 * No code: the assembly's offsets are those of the structures.
 */
#include "kernel/arch/x86_64/offsets.h"

#include "kernel/abi/rights.h"
#include "kernel/arch/x86_64/layout.h"
#include "kernel/call.h"
#include "kernel/cpu.h"
#include "kernel/endpoint.h"
#include "kernel/lock.h"
#include "kernel/notification.h"
#include "kernel/thread.h"

_Static_assert(offsetof(struct thread, arch.frame.r15) == IN_THREAD_R15, "IN_THREAD_R15");
_Static_assert(offsetof(struct thread, arch.frame.r14) == IN_THREAD_R14, "IN_THREAD_R14");
_Static_assert(offsetof(struct thread, arch.frame.r13) == IN_THREAD_R13, "IN_THREAD_R13");
_Static_assert(offsetof(struct thread, arch.frame.r12) == IN_THREAD_R12, "IN_THREAD_R12");
_Static_assert(offsetof(struct thread, arch.frame.rbp) == IN_THREAD_RBP, "IN_THREAD_RBP");
_Static_assert(offsetof(struct thread, arch.frame.rbx) == IN_THREAD_RBX, "IN_THREAD_RBX");
_Static_assert(offsetof(struct thread, arch.frame.words[0]) == IN_THREAD_RDX, "IN_THREAD_RDX");
_Static_assert(offsetof(struct thread, arch.frame.words[1]) == IN_THREAD_R10, "IN_THREAD_R10");
_Static_assert(offsetof(struct thread, arch.frame.words[2]) == IN_THREAD_R8, "IN_THREAD_R8");
_Static_assert(offsetof(struct thread, arch.frame.words[3]) == IN_THREAD_R9, "IN_THREAD_R9");
_Static_assert(offsetof(struct thread, arch.frame.info) == IN_THREAD_RSI, "IN_THREAD_RSI");
_Static_assert(offsetof(struct thread, arch.frame.target) == IN_THREAD_RDI, "IN_THREAD_RDI");
_Static_assert(offsetof(struct thread, arch.frame.status) == IN_THREAD_RAX, "IN_THREAD_RAX");
_Static_assert(offsetof(struct thread, arch.frame.rcx) == IN_THREAD_RCX, "IN_THREAD_RCX");
_Static_assert(offsetof(struct thread, arch.frame.r11) == IN_THREAD_R11, "IN_THREAD_R11");
_Static_assert(offsetof(struct thread, arch.frame.vector) == IN_THREAD_VECTOR, "IN_THREAD_VECTOR");
_Static_assert(offsetof(struct thread, arch.frame.error) == IN_THREAD_ERROR, "IN_THREAD_ERROR");
_Static_assert(offsetof(struct thread, arch.frame.rip) == IN_THREAD_RIP, "IN_THREAD_RIP");
_Static_assert(offsetof(struct thread, arch.frame.cs) == IN_THREAD_CS, "IN_THREAD_CS");
_Static_assert(offsetof(struct thread, arch.frame.rflags) == IN_THREAD_RFLAGS, "IN_THREAD_RFLAGS");
_Static_assert(offsetof(struct thread, arch.frame.rsp) == IN_THREAD_RSP, "IN_THREAD_RSP");
_Static_assert(offsetof(struct thread, arch.frame.ss) == IN_THREAD_SS, "IN_THREAD_SS");
_Static_assert(offsetof(struct thread, arch.frame) == IN_THREAD_FRAME, "IN_THREAD_FRAME");
_Static_assert(offsetof(struct thread, arch.frame) + sizeof(struct frame) == IN_THREAD_FRAME_END,
               "IN_THREAD_FRAME_END");
_Static_assert(offsetof(struct thread, arch.fs_base) == IN_THREAD_FS_BASE, "IN_THREAD_FS_BASE");
_Static_assert(offsetof(struct thread, arch.root) == IN_THREAD_ROOT, "IN_THREAD_ROOT");
_Static_assert(offsetof(struct thread, state) == IN_THREAD_STATE, "IN_THREAD_STATE");
_Static_assert(offsetof(struct thread, priority) == IN_THREAD_PRIORITY, "IN_THREAD_PRIORITY");
_Static_assert(offsetof(struct thread, message) == IN_THREAD_MESSAGE, "IN_THREAD_MESSAGE");
_Static_assert(offsetof(struct thread, direct) == IN_THREAD_DIRECT, "IN_THREAD_DIRECT");
_Static_assert(offsetof(struct thread, slots) == IN_THREAD_SLOTS, "IN_THREAD_SLOTS");
_Static_assert(offsetof(struct thread, slot_limit) == IN_THREAD_SLOT_LIMIT, "IN_THREAD_SLOT_LIMIT");
_Static_assert(offsetof(struct thread, queue_rank) == IN_THREAD_QUEUE_RANK, "IN_THREAD_QUEUE_RANK");
_Static_assert(offsetof(struct thread, reply_head) == IN_THREAD_REPLY_HEAD, "IN_THREAD_REPLY_HEAD");
_Static_assert(offsetof(struct thread, wait_heap) == IN_THREAD_WAIT_HEAP, "IN_THREAD_WAIT_HEAP");
_Static_assert(offsetof(struct thread, wait) == IN_THREAD_WAIT, "IN_THREAD_WAIT");
_Static_assert(offsetof(struct thread, reply_slot) == IN_THREAD_REPLY_SLOT, "IN_THREAD_REPLY_SLOT");
_Static_assert(offsetof(struct thread, reply) == IN_THREAD_REPLY, "IN_THREAD_REPLY");
_Static_assert(offsetof(struct thread, notification) == IN_THREAD_NOTIFICATION, "IN_THREAD_NOTIFICATION");
_Static_assert(offsetof(struct heap_node, key) == IN_NODE_KEY, "IN_NODE_KEY");
_Static_assert(offsetof(struct heap_node, left) == IN_NODE_LEFT, "IN_NODE_LEFT");
_Static_assert(offsetof(struct heap_node, rank) == IN_NODE_RANK, "IN_NODE_RANK");
_Static_assert(offsetof(struct endpoint, senders) == IN_ENDPOINT_SENDERS, "IN_ENDPOINT_SENDERS");
_Static_assert(offsetof(struct endpoint, receivers) == IN_ENDPOINT_RECEIVERS, "IN_ENDPOINT_RECEIVERS");
_Static_assert(offsetof(struct notification, bits) == IN_NOTIFICATION_BITS, "IN_NOTIFICATION_BITS");
_Static_assert(offsetof(struct cap_slot, head) == IN_SLOT_HEAD, "IN_SLOT_HEAD");
_Static_assert(offsetof(struct cap_slot, data) == IN_SLOT_DATA, "IN_SLOT_DATA");
_Static_assert(sizeof(struct cap_slot) == 1 << SLOT_SHIFT, "1 << SLOT_SHIFT");
_Static_assert(offsetof(struct message_page, words[MESSAGE_REGISTERS]) == IN_MESSAGE_LONG, "IN_MESSAGE_LONG");
_Static_assert(offsetof(struct ticket_lock, next) == IN_LOCK_NEXT, "IN_LOCK_NEXT");
_Static_assert(offsetof(struct ticket_lock, serving) == IN_LOCK_SERVING, "IN_LOCK_SERVING");
_Static_assert(offsetof(struct cpu, arch.self) == IN_CPU_SELF, "IN_CPU_SELF");
_Static_assert(offsetof(struct cpu, arch.stack_top) == IN_CPU_STACK_TOP, "IN_CPU_STACK_TOP");
_Static_assert(offsetof(struct cpu, arch.scratch) == IN_CPU_SCRATCH, "IN_CPU_SCRATCH");
_Static_assert(offsetof(struct cpu, arch.root) == IN_CPU_ROOT, "IN_CPU_ROOT");
_Static_assert(offsetof(struct cpu, arch.fs_base) == IN_CPU_FS_BASE, "IN_CPU_FS_BASE");
_Static_assert(offsetof(struct cpu, arch.call_limit) == IN_CPU_CALL_LIMIT, "IN_CPU_CALL_LIMIT");
_Static_assert(offsetof(struct cpu, arch.direct) == IN_CPU_DIRECT, "IN_CPU_DIRECT");
_Static_assert(offsetof(struct cpu, arch.tss.rsp[0]) == IN_CPU_RSP0, "IN_CPU_RSP0");
_Static_assert(offsetof(struct cpu, blocked) == IN_CPU_BLOCKED, "IN_CPU_BLOCKED");
_Static_assert(offsetof(struct cpu, unsettled) == IN_CPU_UNSETTLED, "IN_CPU_UNSETTLED");
_Static_assert(offsetof(struct cpu, current) == IN_CPU_CURRENT, "IN_CPU_CURRENT");
_Static_assert(offsetof(struct cpu, ready_bitmap) == IN_CPU_READY_BITMAP, "IN_CPU_READY_BITMAP");
_Static_assert(offsetof(struct cpu, space_switches) == IN_CPU_SPACE_SWITCHES, "IN_CPU_SPACE_SWITCHES");
_Static_assert(SYS_ep_call == NUMBER_EP_CALL, "NUMBER_EP_CALL");
_Static_assert(SYS_ep_reply_wait == NUMBER_EP_REPLY_WAIT, "NUMBER_EP_REPLY_WAIT");
_Static_assert((ENDPOINT_CALL << 8 | 0xff) == HEAD_MASK_CALL, "HEAD_MASK_CALL");
_Static_assert((ENDPOINT_CALL << 8 | OBJECT_ENDPOINT) == HEAD_CALL, "HEAD_CALL");
_Static_assert((ENDPOINT_WAIT << 8 | 0xff) == HEAD_MASK_WAIT, "HEAD_MASK_WAIT");
_Static_assert((ENDPOINT_WAIT << 8 | OBJECT_ENDPOINT) == HEAD_WAIT, "HEAD_WAIT");
_Static_assert((int)THREAD_RUNNING == STATE_RUNNING, "STATE_RUNNING");
_Static_assert((int)THREAD_IN_CALL == STATE_IN_CALL, "STATE_IN_CALL");
_Static_assert((int)THREAD_IN_WAIT == STATE_IN_WAIT, "STATE_IN_WAIT");
_Static_assert((int)THREAD_IN_FAULT == STATE_IN_FAULT, "STATE_IN_FAULT");
_Static_assert(CALL_BLOCKED == STATUS_BLOCKED, "STATUS_BLOCKED");
_Static_assert(E_CALL == STATUS_CALL, "STATUS_CALL");
_Static_assert(MESSAGE_REGISTERS == WORDS_IN_REGISTERS, "WORDS_IN_REGISTERS");
_Static_assert(MESSAGE_WORDS == WORDS_MAX, "WORDS_MAX");
_Static_assert(OK == 0 && FAULT_RESUME == 0, "the fast path makes them by XOR and tests them by SHR");
_Static_assert(sizeof(bool) == 1, "IN_CPU_UNSETTLED");
_Static_assert(STACK_BYTES == STACK_PAGES * PAGE_BYTES, "STACK_BYTES");
