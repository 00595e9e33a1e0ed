/*
 * The address space of a program that init or the process server makes.
 *
 *   0x0000000000200000  images linked at fixed addresses, from here up
 *   0x0000000100000000  position-independent images
 *   0x0000080000000000  their interpreters
 *   LAYOUT_IMAGE_END    no image reaches this
 *   ...                 stack, growing down from LAYOUT_STACK_TOP; nothing is mapped below it
 *   LAYOUT_MESSAGE      the message page; those of further threads follow
 *
 * Stack and message page are in one 2 MiB area, so that they share page tables. For address randomisation the process
 * server moves everything movable by up to a SPREAD: images upwards; stack and message page together downwards, by
 * multiples of 2 MiB; and the stack's top once more downwards, by pages and within its page.
 */
#pragma once

#include "kernel/abi/syscall.h"

#define LAYOUT_IMAGE_LOWEST USER_LOWEST
#define LAYOUT_IMAGE_BASE 0x100000000ULL
#define LAYOUT_INTERPRETER_BASE 0x80000000000ULL /* of a dynamic loader that a program names */
#define LAYOUT_IMAGE_SPREAD (4ULL << 40)
#define LAYOUT_IMAGE_END 0x00007f0000000000ULL
#define LAYOUT_STACK_TOP 0x00007ffffffd0000ULL
#define LAYOUT_STACK_SPREAD (2ULL << 30)
#define LAYOUT_STACK_SPREAD_PAGES 256U  /* by which the stack's top moves */
#define LAYOUT_STACK_SPREAD_BYTES 1024U /* ... within its page: the bytes left unused cost a page now and then */
#define LAYOUT_MESSAGE 0x00007ffffffd8000ULL
#define LAYOUT_MESSAGES_MAX 32U         /* threads of a process */
#define LAYOUT_STACK_PAGES 32U          /* of a server, besides arguments and environment */
#define LAYOUT_STACK_BYTES (8ULL << 20) /* of a process: reserved, and filled on demand */

/* The most pages for arguments, environment and vectors, so that all of the stack stays in its 2 MiB. */
#define LAYOUT_STRINGS_PAGES_MAX 40U
_Static_assert(LAYOUT_STACK_TOP % (2U << 20) >
                   (LAYOUT_STACK_PAGES + LAYOUT_STRINGS_PAGES_MAX + LAYOUT_STACK_SPREAD_PAGES) * PAGE_BYTES,
               "one page table holds the stack");
_Static_assert(LAYOUT_IMAGE_BASE + LAYOUT_IMAGE_SPREAD < LAYOUT_INTERPRETER_BASE, "each has its own range");
_Static_assert(LAYOUT_STACK_TOP >> 21 == LAYOUT_MESSAGE >> 21, "... and the message page");
_Static_assert(LAYOUT_MESSAGE + LAYOUT_MESSAGES_MAX * PAGE_BYTES < USER_LIMIT, "... and those of further threads");
