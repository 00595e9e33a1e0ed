/*
 * Who called whom, in another program's memory. All programs are built with frame pointers:
 *
 *     rbp --> [ rbp of the caller | return address ]     each frame lies above the one it was called from
 *                     '--> [ ... | ... ]
 *
 * What lies in that memory is an allegation: a walk ends at the first thing that can't be a frame.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/thread.h"

#define BACKTRACE_MAX 16U

/* The faulted program's memory. */
struct backtrace_memory {
    /* The word at `at`, which is a multiple of 8. False: nothing is there to be read. */
    bool (*read)(struct backtrace_memory *memory, uaddr_t at, uint64_t *ret_word);
};

/*
 * The return addresses of the calls that led to a fault, innermost first. Where the fault was to execute at an address
 * that is not executable, the first is that of the call that went there. Returns how many there are.
 */
uint32_t backtrace_walk(const struct fault_message *fault, struct backtrace_memory *memory,
                        uint64_t ret_addresses[BACKTRACE_MAX]);
