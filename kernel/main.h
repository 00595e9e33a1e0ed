/*
 * The kernel's C entry, called once by the machine's start-up code on its own stack.
 */
#pragma once

#include "kernel/abi/boot.h"

/* Does not return: the first program runs. */
void kernel_main(const struct boot_info *boot);
