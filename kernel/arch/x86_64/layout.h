/*
 * The layout of the kernel half. PML4 entries 256..511 are made at boot, each with a table below it, and sealed.
 */
#pragma once

#include <stdint.h>

#define KERNEL_HALF 0xffff800000000000ULL
#define DIRECT_MAP_BASE 0xffff800000000000ULL    /* RAM, writable, not executable; the kernel image is not in it */
#define DEVICE_WINDOW_BASE 0xfffffe8000000000ULL /* local APIC, I/O APICs: uncached pages, one after the other */
#define STACK_WINDOW_BASE 0xffffff0000000000ULL  /* stacks of each CPU with unmapped pages between them */
#define KERNEL_IMAGE_BASE 0xffffffff80000000ULL

#define ROOT_KERNEL_ENTRY 256U /* first PML4 entry of the kernel half */
#define ENTRIES 512U

/* One CPU's part of the stack window, in pages: guard, kernel stack, then guard and one page for each IST stack. */
#define STACK_PAGES 4U
#define STACK_SLOT_PAGES 16U
#define IST_STACKS 4U /* TSS.IST1..4: double fault, NMI, debug, machine check */

extern uint8_t kernel_image_start[], kernel_image_end[], kernel_text_start[], kernel_text_end[], kernel_rodata_end[];
