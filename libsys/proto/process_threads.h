/*
 * Protocol `process`, threads; process.h lists the operations.
 */
#pragma once

#include "libsys/wire/protocol.h"

#define PROCESS_THREADS_MAX 32U /* of one process */

/*
 * Start a thread. Threads of a process share its memory, capabilities and signal handlers. Each has its own signal
 * mask, alternate stack, message page and capability `process`. The server knows a thread by that capability: a thread
 * that called with the capability of another thread would be taken for that one.
 * The new thread begins at `entry` with RDI = argument, RSI = address of its message page, RDX = slot of its capability
 * `process`, RCX = its id, FS base = pointer, and its stack pointer as after a call. It inherits its creator's signal
 * mask. When the last thread ends, the process ends with code 0. A thread that calls exec or fork keeps its id.
 * libsys/runtime/threads.h does all this.
 * Errors: P_LIMIT PROCESS_THREADS_MAX, or too many threads of all processes; P_ADDRESS entry, stack or FS base;
 * P_NO_MEMORY; E_EXISTS the slot for the thread's capability is not empty.
 */
struct process_thread_create_request {
    uaddr_t entry;
    uaddr_t stack; /* multiple of 16; the first word below it is overwritten */
    uint64_t argument;
    uaddr_t pointer; /* FS base */
};
struct process_thread_create_reply {
    uint64_t thread; /* id; a process's first thread has 0 */
};

/*
 * End the calling thread; there is no reply. The memory that it names, if any, is unmapped if the thread is detached.
 */
struct process_thread_exit_request {
    uint64_t value; /* result of thread_join */
    uaddr_t at;
    uint64_t length_bytes;
};
struct process_thread_exit_reply {
    uint64_t zero;
};

/*
 * Wait until a thread has ended, and forget it.
 * Errors: P_NO_THREAD there is none, or it was joined already; P_ARGUMENT the caller itself, or a detached thread;
 * P_BUSY another thread joins it already, or as for wait; P_LIMIT; P_INTERRUPTED a signal's handler ran.
 */
struct process_thread_join_request {
    uint64_t thread;
};
struct process_thread_join_reply {
    uint64_t value;
};

/*
 * Detach a thread: it is forgotten as it ends, and cannot be joined. Errors: P_NO_THREAD; P_ARGUMENT it is detached
 * already; P_BUSY it is being joined.
 */
struct process_thread_detach_request {
    uint64_t thread;
};
struct process_thread_detach_reply {
    uint64_t had_ended; /* 1: it had ended already, and is forgotten now */
};

/*
 * Set the caller's FS base, for a dynamic loader with thread-local storage of its own. Resets the floating-point
 * registers to their state at program start. Errors: P_ADDRESS.
 */
struct process_set_pointer_request {
    uaddr_t pointer;
};
struct process_set_pointer_reply {
    uint64_t zero;
};

/*
 * Wait at a word of 4 bytes until another thread wakes the waiters, provided that the word is still `expected`. Check
 * and wait are atomic: no change with a wake can slip in between. A word in a page shared by PROCESS_MAP_TOGETHER is
 * one word for all processes that have the page, at whatever address; any other word belongs to its process alone.
 * Errors: P_ADDRESS; P_ARGUMENT misaligned; E_TIMEOUT; P_BUSY, P_LIMIT, P_INTERRUPTED as for wait.
 */
struct process_word_wait_request {
    uaddr_t at;
    uint64_t expected;
    uint64_t until_ns; /* timeout by the clock of clock_read; 0: do not wait; UINT64_MAX: no timeout */
};
struct process_word_wait_reply {
    uint64_t changed; /* 1: the word was not `expected` */
};

/* Wake at most `count` threads that wait at a word, longest waiters first. */
struct process_word_wake_request {
    uaddr_t at;
    uint64_t count;
};
struct process_word_wake_reply {
    uint64_t woken;
};

/*
 * Send a signal to one thread of the caller's process; KILL, STOP and CONT apply to all threads. Errors: P_NO_THREAD;
 * P_ARGUMENT signal.
 */
struct process_thread_signal_request {
    uint64_t thread;
    uint64_t signal;
};
struct process_thread_signal_reply {
    uint64_t zero;
};
