/*
 * Protocol `process`, its part on threads; process.h has the list of operations.
 */
#pragma once

#include "libsys/proto/protocol.h"

#define PROCESS_THREADS_MAX 32U /* of one process */

/*
 * Threads. All of a process share its memory, capabilities and handlers of signals; each has its mask of signals, alternate
 * stack, message page, and a capability `process` of its own, by which the server knows it: with another thread's it would
 * answer for that one. A new one begins at `entry` with RDI = argument, RSI = address of its message page, RDX = slot of its
 * capability `process`, RCX = its id, FS base = pointer, and a stack pointer as behind a call. Masked is what the
 * creator has masked. When the last one has ended, so has the process, with code 0. exec and fork leave the calling thread its id.
 * libsys/threads.h does all this.
 * Errors: P_LIMIT PROCESS_THREADS_MAX, or too many of all processes; P_ADDRESS no place to begin, for stack or FS base;
 *         P_NO_MEMORY; E_EXISTS the slot that the thread's capability belongs in is not empty.
 */
struct process_thread_create_request {
    uaddr_t entry;
    uaddr_t stack; /* multiple of 16: the first word below it will be written */
    uint64_t argument;
    uaddr_t pointer; /* FS base */
};
struct process_thread_create_reply {
    uint64_t thread; /* the first of a process is 0 */
};

/* End the calling thread. Never replies. Its memory, if it names any, is unmapped if nobody is to join it. */
struct process_thread_exit_request {
    uint64_t value; /* for thread_join */
    uaddr_t at;
    uint64_t length_bytes;
};
struct process_thread_exit_reply {
    uint64_t zero;
};

/*
 * Wait until a thread has ended, and forget it.
 * Errors: P_NO_THREAD there is none, or it was joined already; P_ARGUMENT the caller itself, or one that is detached; P_BUSY somebody joins it already, or as for wait;
 *         P_LIMIT; P_INTERRUPTED a signal's handler ran.
 */
struct process_thread_join_request {
    uint64_t thread;
};
struct process_thread_join_reply {
    uint64_t value;
};

/* Nobody will join a thread: it is forgotten as it ends. Errors: P_NO_THREAD; P_ARGUMENT it is detached; P_BUSY it is being joined.
 */
struct process_thread_detach_request {
    uint64_t thread;
};
struct process_thread_detach_reply {
    uint64_t had_ended; /* 1: already, and is forgotten now */
};

/* Set the caller's FS base: what a dynamic loader does that has its own storage. Its floating-point registers are as at a
 * program's start afterwards. Errors: P_ADDRESS. */
struct process_set_pointer_request {
    uaddr_t pointer;
};
struct process_set_pointer_reply {
    uint64_t zero;
};

/*
 * Wait until another thread wakes those who wait at a word of 4 bytes, if the word is still `expected`: nobody can change it and
 * wake in between unnoticed. A word in a page that is shared by PROCESS_MAP_TOGETHER is one word for all processes that have the
 * page, wherever they have it; any other is a word of its process alone. Errors: P_ADDRESS; P_ARGUMENT misaligned; E_TIMEOUT; P_BUSY, P_LIMIT, P_INTERRUPTED as for wait.
 */
struct process_word_wait_request {
    uaddr_t at;
    uint64_t expected;
    uint64_t until_ns; /* by the clock of clock_read, when it ends with E_TIMEOUT; 0: at once; UINT64_MAX: never */
};
struct process_word_wait_reply {
    uint64_t changed; /* 1: it was not `expected` */
};

/* Wake at most `count` threads that wait at a word: those that have waited longest. */
struct process_word_wake_request {
    uaddr_t at;
    uint64_t count;
};
struct process_word_wake_reply {
    uint64_t woken;
};

/* Send a signal to one thread of the caller's process; KILL, STOP and CONT concern them all. Errors: P_NO_THREAD; P_ARGUMENT signal. */
struct process_thread_signal_request {
    uint64_t thread;
    uint64_t signal;
};
struct process_thread_signal_reply {
    uint64_t zero;
};
