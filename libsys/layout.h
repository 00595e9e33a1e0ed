/*
 * Where things lie in the address space of a program that init or the process server makes.
 *
 *   0x0000000000200000  images linked at fixed addresses, from here up
 *   0x0000000100000000  images that are position-independent
 *   0x0000080000000000  their interpreters
 *   LAYOUT_IMAGE_END    no image reaches this
 *   ...                 stack, growing down from LAYOUT_STACK_TOP; what lies below it is not mapped
 *   LAYOUT_MESSAGE      the message page; those of further threads follow
 *
 * Stack and message page are in the same 2 MiB, so that they share page tables. The process server lays what can lie anywhere up
 * to a SPREAD from there, at random: images upwards, stack and message page together downwards, by multiples of 2 MiB, and the
 * stack's top once more downwards, by pages and within its page.
 */
#pragma once

#include "kernel/abi/syscall.h"

#define LAYOUT_IMAGE_LOWEST USER_LOWEST
#define LAYOUT_IMAGE_BASE 0x100000000ULL
#define LAYOUT_INTERPRETER_BASE 0x80000000000ULL /* a dynamic loader that a program names */
#define LAYOUT_IMAGE_SPREAD (4ULL << 40)
#define LAYOUT_IMAGE_END 0x00007f0000000000ULL
#define LAYOUT_STACK_TOP 0x00007ffffffd0000ULL
#define LAYOUT_STACK_SPREAD (2ULL << 30)
#define LAYOUT_STACK_SPREAD_PAGES 256U  /* ... in the 2 MiB */
#define LAYOUT_STACK_SPREAD_BYTES 1024U /* ... in its page: what is not used costs a page now and then */
#define LAYOUT_MESSAGE 0x00007ffffffd8000ULL
#define LAYOUT_MESSAGES_MAX 32U         /* threads of a process */
#define LAYOUT_STACK_PAGES 32U          /* of a server, besides what arguments and environment take */
#define LAYOUT_STACK_BYTES (8ULL << 20) /* of a process: reserved, and brought page by page */

/* The most that arguments, environment and vectors may take, so that all of the stack stays in its 2 MiB. */
#define LAYOUT_STRINGS_PAGES_MAX 40U
_Static_assert(LAYOUT_STACK_TOP % (2U << 20) >
                   (LAYOUT_STACK_PAGES + LAYOUT_STRINGS_PAGES_MAX + LAYOUT_STACK_SPREAD_PAGES) * PAGE_BYTES,
               "one page table holds the stack");
_Static_assert(LAYOUT_IMAGE_BASE + LAYOUT_IMAGE_SPREAD < LAYOUT_INTERPRETER_BASE, "each has its own range");
_Static_assert(LAYOUT_STACK_TOP >> 21 == LAYOUT_MESSAGE >> 21, "... and the message page");
_Static_assert(LAYOUT_MESSAGE + LAYOUT_MESSAGES_MAX * PAGE_BYTES < USER_LIMIT, "... and those of further threads");
