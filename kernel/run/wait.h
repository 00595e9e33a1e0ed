/*
 * A thread stops waiting, or running.
 */
#pragma once

#include "kernel/run/thread.h"

/* Lock: kernel lock, for everything here. */

/* The wait is over: `status` and, where not NULL, more is in the frame already. Runs on, or stops if suspended. */
void thread_wake(struct thread *thread, enum status status);

/* Whatever the thread waits for, take it out of there. It is in no queue and no one can answer it afterwards; the state
 * is STOPPED. */
void thread_cancel(struct thread *thread);

/* What the thread waits for will not come: the wait ends with `status`. A thread in a fault, which nobody will answer, stays
 * stopped. */
void thread_refuse(struct thread *thread, enum status status);

/* The thread becomes one that can't run: from any state, nothing is reported to anybody. */
void thread_stop(struct thread *thread);
