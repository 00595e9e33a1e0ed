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

#include <stdbool.h>

#include "kernel/abi/thread.h"

#define KEEP_AT 0x40000000ULL
#define KEEP_STATE_AT (KEEP_AT + PAGE_BYTES)
#define KEEP_PAGES_MAX 4096U
#define KEEP_NO_MAX 64U

/* Names a form of kept state: whose it is, by three letters, and its version, from 1 on. Never 0. */
#define KEEP_LAYOUT(a, b, c, version) ((uint64_t)(a) << 48 | (uint64_t)(b) << 40 | (uint64_t)(c) << 32 | (version))

struct keep_head {
    uint64_t generation;          /* 1: the first program; all else is zero then */
    uint64_t layout;              /* which state lies here, as the server names it; 0: none yet */
    uint64_t recovered;           /* the last program that has done with `dead`; init leaves that alone until then */
    uint64_t trial;               /* 1: the program before is still there, and goes on if this one says no or ends */
    char no[KEEP_NO_MAX];         /* why this one says no; zero-terminated */
    uint64_t failed;              /* 1: the program before ended by itself; 0: somebody ended it */
    struct thread_registers dead; /* ... and where */
};

/* Which program this is, from 1 on. */
static inline uint64_t keep_generation(void) { return ((const struct keep_head *)KEEP_AT)->generation; }

/* For a program that may be on trial (docs/swap.md): say yes to the state, or say no to it and end. */
static inline void keep_decide(struct keep_head *head, bool yes) {
    static const char no[KEEP_NO_MAX] = "its state has another form than that of the program before";
    if (head->trial != 0 && !yes) {
        __builtin_memcpy(head->no, no, sizeof no);
        __builtin_trap();
    }
    *(volatile uint64_t *)&head->trial = 0; /* from here on this program answers for the state */
}
