/*
 * Threads of a program. Each has a stack of THREADS_STACK_BYTES with an unmapped guard page below, thread-local storage
 * as in the image's PT_TLS, and its own message page. The program ends when main returns, even if other threads run. A
 * function of libsys that keeps its state in a static structure may be used by one thread at a time; its header says
 * so.
 */
#pragma once

#include "libsys/proto/process.h"

#define THREADS_STACK_BYTES (64U << 10)

typedef uint64_t (*threads_function)(void *argument);

/* Start a thread that calls `run`. Errors: see process_map, process_thread_create. */
MUST_USE uint32_t threads_start(threads_function run, void *argument, uint64_t *ret_thread);

/* Wait until a thread has ended; *ret_value is its function's result. Errors: see process_thread_join. */
MUST_USE uint32_t threads_join(uint64_t thread, uint64_t *ret_value);

/* Detach a thread: nobody will join it. Errors: see process_thread_detach. */
MUST_USE uint32_t threads_detach(uint64_t thread);

/* End the calling thread, as if its function had returned. */
_Noreturn void threads_exit(uint64_t value);

/* Returns the id of the calling thread; a program's first thread has 0. */
uint64_t threads_self(void);
