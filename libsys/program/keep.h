/*
 * Memory of a server that outlives it: init maps it at one address for each program that it makes of the same entry of
 * the manifest (`keep`), one after the other. docs/recovery.md tells the whole story.
 *
 *     KEEP_AT                struct keep_head     written by init before a program starts
 *     KEEP_STATE_AT          the server's state   begins with its struct server
 *     the last JOURNAL_BYTES the journal's notes  (libsys/wire/journal.h)
 *
 * So pointers into it stay true. Pointers to the program's own variables, functions and texts do not belong here.
 */
#pragma once

#include "kernel/abi/thread.h"

#define KEEP_AT 0x40000000ULL
#define KEEP_STATE_AT (KEEP_AT + PAGE_BYTES)
#define KEEP_PAGES_MAX 4096U

struct keep_head {
    uint64_t generation;          /* 1: the first program; all else is zero then */
    uint64_t layout;              /* which state lies here, as the server names it; 0: none yet */
    uint64_t recovered;           /* the last program that has done with `dead`; init leaves that alone until then */
    uint64_t failed;              /* 1: the program before ended by itself; 0: somebody ended it */
    struct thread_registers dead; /* ... and where */
};

/* Which program this is, from 1 on. */
static inline uint64_t keep_generation(void) { return ((const struct keep_head *)KEEP_AT)->generation; }
