/*
 * What lies at a thread's FS base, and where its thread-local storage lies below it.
 *
 *   ... | thread-local storage | struct thread_block
 *                              ^ FS base, a multiple of the storage's alignment
 *
 * Source: Drepper, "ELF Handling for Thread-Local Storage", variant II; System V ABI AMD64, "Thread-Local Storage".
 */
#pragma once

#include <stddef.h>

#include "kernel/abi/message.h"
#include "kernel/abi/syscall.h"
#include "kernel/abi/thread.h"

#define THREAD_BLOCK_ALIGN 16U

struct thread_block {
    struct thread_block *self;    /* as the ABI wants it */
    void *vector;                 /* a dynamic loader's: modules' storage */
    struct message_page *message; /* the thread's own */
    uint64_t process;             /* slot of its capability `process` */
    uint64_t id;                  /* as the process server counts */
    uint64_t canary;              /* of stack protectors, which compilers look for here */
    uaddr_t memory;               /* what a thread that was started has for stack and storage; 0 = the first one */
    uint64_t memory_bytes;
    uint64_t (*run)(void *argument);
    void *argument;
};
_Static_assert(offsetof(struct thread_block, canary) == 40, "FS:40");

/*
 * A signal's handler has come before the thread's first instructions, which note what the process server gives it in
 * registers: note it for them.
 */
static inline void thread_block_complete(struct thread_block *block, const struct thread_registers *begin) {
    if (block->message != NULL)
        return;
    block->process = begin->rdx;
    block->id = begin->rcx;
    block->message = (struct message_page *)begin->rsi;
}

/* How far below the FS base storage begins that is linked for `virt`: bytes of it, and what its alignment asks for. */
static inline uint64_t thread_block_storage_bytes(uint64_t virt, uint64_t memory_bytes, uint64_t align) {
    return align == 0 ? 0 : memory_bytes + (-virt - memory_bytes) % align;
}
