/*
 * The locks that the library itself takes, all in one place: a child that fork makes has one thread, and nobody in it would ever
 * let go what other threads of its parent held at the time. So they are free there (fork.c), and so is whatever is added here.
 */
#pragma once

#include "libsys/mutex.h"

struct library_locks {
    struct mutex
        slots; /* program.slots. A program of one thread does without: its signals' handlers may take slots, too. */
    struct mutex threads; /* the lists of threads.c */
};
extern struct library_locks library_locks;

/* In such a child: the free slots are counted anew; there are no other threads. */
void slots_after_fork(void);
void threads_after_fork(void);
