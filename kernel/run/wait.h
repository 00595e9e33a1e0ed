/*
 * Ends of waiting and of running.
 */
#pragma once

#include "kernel/run/thread.h"

/* Lock: kernel lock, for everything here. */

/*
 * End the thread's wait with `status`. It runs on, or stops if it is suspended. Other results are in its frame already.
 */
void thread_wake(struct thread *thread, enum status status);

/*
 * Take a thread out of its wait, whatever it waits for. Afterwards it is in no queue, no Reply to it exists, and its
 * state is STOPPED.
 */
void thread_cancel(struct thread *thread);

/*
 * End the thread's wait with `status`, since it waits in vain. If it waits for the answer to a fault, it stops instead:
 * the fault will not be answered.
 */
void thread_refuse(struct thread *thread, enum status status);

/* Stop the thread, from any state. Nothing is reported to other threads. */
void thread_stop(struct thread *thread);
