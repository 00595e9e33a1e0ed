/*
 * What only boot needs. The linker script puts such functions on pages of their own, and boot gives these pages to the
 * first program when all CPUs run (arch_boot_end). A later use ends in a panic that says so.
 *
 * Only functions that are for boot only may call them, and nothing else may hold their addresses. The test `rules`
 * looks at all references in the linked kernel.
 */
#pragma once

#define BOOT_ONLY __attribute__((section(".boot_only")))

/* The functions of this file from here on are for boot only. */
#define BOOT_ONLY_FROM_HERE _Pragma("clang section text = \".boot_only\"")
