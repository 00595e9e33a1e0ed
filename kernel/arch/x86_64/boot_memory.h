/*
 * The kernel's own address space, built once at boot.
 */
#pragma once

#include "kernel/abi/boot.h"

/*
 * Build the address space from the heap, with stacks for `cpu_count` CPUs, load it, and seal it: no entry of the kernel
 * half's highest level changes afterwards, and below it only those of the boot-only pages (arch_boot_end).
 */
void boot_memory_init(const struct boot_info *boot, const struct boot_range *ranges, uint32_t cpu_count);

/*
 * Reserve the address of a device's registers, valid to the end of their page. Call before boot_memory_init, which maps
 * them.
 */
void *boot_memory_device(uint64_t phys);
