/*
 * The initial stack of a program: thread block and thread-local storage, strings, auxiliary vector, environment and argument pointers, argument count. Pure:
 * it fills a buffer that stands for the stack's upper end.
 * Source: System V ABI AMD64, "Process Initialization".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"

/* `count` strings one behind the other, each with its terminating zero. */
struct string_block {
    const char *bytes;
    uint64_t length_bytes;
    uint64_t count;
};

#define STACK_ENVIRONMENTS 2U /* what the program's maker adds, and what its parent passes */
#define STACK_RANDOM_BYTES 16U

struct stack_input {
    uaddr_t top; /* the first address behind the stack, multiple of 16 */
    struct string_block arguments;
    struct string_block environment[STACK_ENVIRONMENTS];
    const char *path;                   /* AT_EXECFN */
    uint8_t random[STACK_RANDOM_BYTES]; /* what AT_RANDOM points to */
    uaddr_t headers;                    /* AT_PHDR; 0 = not in memory */
    uint64_t header_count;
    uaddr_t base;                            /* AT_BASE: what its interpreter was moved by; 0 = it has none */
    uaddr_t entry;                           /* AT_ENTRY */
    uaddr_t message;                         /* AT_BATON_MESSAGE */
    uint64_t thread;                         /* the id of the thread that it is for */
    uint64_t tls_virt, tls_bytes, tls_align; /* thread-local storage of the program; all 0 = it has none */
};

struct stack_result {
    uaddr_t pointer; /* the initial stack pointer, a multiple of 16: every byte from it to the top was written */
    uaddr_t thread;  /* AT_BATON_THREAD, the FS base: a struct thread_block */
    uaddr_t tls;     /* where the template of thread-local storage belongs; zeroes lie there */
};

/* Does the block hold exactly `count` strings, with nothing behind the last zero? */
bool string_block_is_whole(const struct string_block *block);

/*
 * Fill the end of buffer[0, size_bytes), which will lie at input->top - size_bytes. Blocks must be whole.
 * False: it does not fit; the buffer's content is undefined.
 */
bool stack_build(const struct stack_input *input, uint8_t *buffer, uint64_t size_bytes,
                 struct stack_result *ret_result);
