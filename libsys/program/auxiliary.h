/*
 * Entries of a new program's auxiliary vector. Baton's own are in kernel/abi/system.h.
 * Source: System V ABI AMD64, "Auxiliary Vector"; AT_RANDOM and AT_EXECFN as Linux has them.
 */
#pragma once

enum auxiliary_type {
    AT_NULL = 0,
    AT_PHDR = 3,
    AT_PHENT = 4,
    AT_PHNUM = 5,
    AT_PAGESZ = 6,
    AT_BASE = 7,
    AT_ENTRY = 9,
    AT_HWCAP = 16, /* EDX of CPUID leaf 1 */
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_EXECFN = 31,
};
