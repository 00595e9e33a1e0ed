/*
 * The initial stack of a program: thread block and thread-local storage, strings, auxiliary vector, environment and
 * argument pointers, argument count. Pure: fills a buffer that stands for the stack's upper end.
 * Source: System V ABI AMD64, "Process Initialization".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/syscall.h"

/* `count` consecutive strings, each with its terminating zero. */
struct string_block {
    const char *bytes;
    uint64_t length_bytes;
    uint64_t count;
};

#define STACK_ENVIRONMENTS 2U /* strings of the program's maker, and those that its parent passes */
#define STACK_RANDOM_BYTES 16U

struct stack_input {
    uaddr_t top; /* first address after the stack, multiple of 16 */
    struct string_block arguments;
    struct string_block environment[STACK_ENVIRONMENTS];
    const char *path;                   /* AT_EXECFN */
    uint8_t random[STACK_RANDOM_BYTES]; /* AT_RANDOM points to these */
    uaddr_t headers;                    /* AT_PHDR; 0: not in memory */
    uint64_t header_count;
    uaddr_t base;                            /* AT_BASE: base of its interpreter; 0: it has no interpreter */
    uaddr_t entry;                           /* AT_ENTRY */
    uaddr_t message;                         /* AT_BATON_MESSAGE */
    uint64_t thread;                         /* id of the program's first thread */
    uint64_t tls_virt, tls_bytes, tls_align; /* thread-local storage of the program; all 0: it has none */
};

struct stack_result {
    uaddr_t pointer; /* the initial stack pointer, a multiple of 16; all bytes from it to the top were written */
    uaddr_t thread;  /* AT_BATON_THREAD, the FS base: a struct thread_block */
    uaddr_t tls;     /* address for the template of thread-local storage; zeroes lie there */
};

/* Whether the block holds exactly `count` strings and nothing after the last zero. */
bool string_block_is_whole(const struct string_block *block);

/*
 * Fill the end of buffer[0, size_bytes), which will lie at input->top - size_bytes. Blocks must be whole.
 * False: the data does not fit; the buffer's content is undefined.
 */
bool stack_build(const struct stack_input *input, uint8_t *buffer, uint64_t size_bytes,
                 struct stack_result *ret_result);
