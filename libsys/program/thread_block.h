/*
 * The block at a thread's FS base, and the thread-local storage below it.
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
    struct thread_block *self;    /* required by the ABI */
    void *vector;                 /* for a dynamic loader: the storage of its modules */
    struct message_page *message; /* the thread's own */
    uint64_t process;             /* slot of its capability `process` */
    uint64_t id;                  /* given by the process server */
    uint64_t canary;              /* FS:40 is where compilers look for the stack protector's canary */
    uaddr_t memory;               /* stack and storage of a thread that threads_start() made; 0: the first thread */
    uint64_t memory_bytes;
    uint64_t (*run)(void *argument);
    void *argument;
};
_Static_assert(offsetof(struct thread_block, canary) == 40, "FS:40");

/*
 * Complete the block from the registers at the thread's start. Its first instructions store what the process server
 * passes in registers; a signal's handler may have come before them.
 */
static inline void thread_block_complete(struct thread_block *block, const struct thread_registers *begin) {
    if (block->message != NULL)
        return;
    block->process = begin->rdx;
    block->id = begin->rcx;
    block->message = (struct message_page *)begin->rsi;
}

/* Returns how far below the FS base the storage linked for `virt` begins: its bytes, plus padding for its alignment. */
static inline uint64_t thread_block_storage_bytes(uint64_t virt, uint64_t memory_bytes, uint64_t align) {
    return align == 0 ? 0 : memory_bytes + (-virt - memory_bytes) % align;
}
