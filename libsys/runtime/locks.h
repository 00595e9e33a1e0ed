/*
 * All locks that the library itself takes. A child made by fork has one thread, and no other thread could ever release
 * the locks that the parent's threads held at the time. So fork.c frees all locks listed here in the child. Any new
 * lock has to be added here.
 */
#pragma once

#include "libsys/runtime/mutex.h"

struct library_locks {
    struct mutex
        slots; /* program.slots. Not taken by a program of one thread, whose signal handlers may take slots, too. */
    struct mutex threads; /* the lists of threads.c */
};
extern struct library_locks library_locks;

/* Called in such a child: count the free slots anew; forget all other threads. */
void slots_after_fork(void);
void threads_after_fork(void);
