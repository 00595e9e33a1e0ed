/*
 * Backtraces of another program, read from its memory. All programs are built with frame pointers:
 *
 *     rbp --> [ rbp of the caller | return address ]     each frame lies above the one it was called from
 *                     '--> [ ... | ... ]
 *
 * The other program may have written anything there, so a walk ends at the first words that can't be a frame.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/thread.h"

#define BACKTRACE_MAX 16U

/* The faulted program's memory. */
struct backtrace_memory {
    /* Read the word at `at`, a multiple of 8. False: it can't be read. */
    bool (*read)(struct backtrace_memory *memory, uaddr_t at, uint64_t *ret_word);
};

/*
 * Find the return addresses of the calls that led to a fault, innermost first. After a jump to an address that is not
 * executable, the first is the return address of the call that jumped there. Returns how many there are.
 */
uint32_t backtrace_walk(const struct fault_message *fault, struct backtrace_memory *memory,
                        uint64_t ret_addresses[BACKTRACE_MAX]);
