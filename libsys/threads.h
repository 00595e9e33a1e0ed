/*
 * Threads of a program. Each has a stack of THREADS_STACK_BYTES with a page below that nothing is mapped in, thread-local
 * storage as the image's PT_TLS says, and its own message page. The program ends when main returns, whatever threads it has.
 * Of libsys, what waits in a static structure is for one thread at a time: its header says so.
 */
#pragma once

#include "libsys/proto/process.h"

#define THREADS_STACK_BYTES (64U << 10)

typedef uint64_t (*threads_function)(void *argument);

/* Have `run` called in a new thread. Errors: see process_map, process_thread_create. */
MUST_USE uint32_t threads_start(threads_function run, void *argument, uint64_t *ret_thread);

/* Wait until a thread has ended: *ret_value is what its function returned. Errors: see process_thread_join. */
MUST_USE uint32_t threads_join(uint64_t thread, uint64_t *ret_value);

/* Nobody will join this thread. Errors: see process_thread_detach. */
MUST_USE uint32_t threads_detach(uint64_t thread);

/* End the calling thread, as if its function had returned. */
_Noreturn void threads_exit(uint64_t value);

/* The calling thread; the first one of a program is 0. */
uint64_t threads_self(void);
