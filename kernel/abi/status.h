/*
 * The outcome of a system call. The list is status.def.
 */
#pragma once

#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))

enum status {
#define STATUS(number, name, text) name = number,
#include "kernel/abi/status.def"
#undef STATUS
};

/* The result of most system calls, in RAX and RDX. `value` is 0 unless the call's page says otherwise. */
struct result {
    uint64_t status; /* enum status */
    uint64_t value;
};
