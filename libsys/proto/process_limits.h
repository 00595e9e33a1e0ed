/*
 * Protocol `process`, its part on limits and nice values; process.h has the list of operations.
 *
 * New processes have the limits and the nice value of the one that made them.
 */
#pragma once

#include "libsys/proto/protocol.h"

enum process_limit {
    PROCESS_LIMIT_MEMORY = 0, /* bytes of all mappings */
    PROCESS_LIMIT_PROCESSES =
        1, /* the process, and all that descend from it and were made since; ended ones included */
    PROCESS_LIMIT_THREADS = 2,
    PROCESS_LIMIT_TIME = 3, /* ns of the CPU: XCPU when it is reached and each second after that, KILL at the most */
    PROCESS_LIMITS = 4,
};
#define PROCESS_UNLIMITED UINT64_MAX /* but for the server's own limits */

/* Errors: P_NO_PROCESS; P_PERMISSION (see kill); P_ARGUMENT no such limit. */
struct process_get_limit_request {
    uint64_t pid; /* 0 = the caller */
    uint64_t limit;
};
struct process_get_limit_reply {
    uint64_t now;  /* what holds */
    uint64_t most; /* what it can be set to */
    uint64_t used;
};

/*
 * Set a limit of the caller. What is in use above it stays. `most` can be lowered; only process 1 raises it.
 * Errors: P_ARGUMENT no such limit; now > most; P_PERMISSION; P_LIMIT too many processes have set PROCESSES for themselves.
 */
struct process_set_limit_request {
    uint64_t limit;
    uint64_t now;
    uint64_t most;
};
struct process_set_limit_reply {
    uint64_t zero;
};

/*
 * How readily a process leaves the CPU to others: one with a lower value that can run always does so first.
 * Errors: P_NO_PROCESS; P_ARGUMENT; P_PERMISSION (see kill), or it would be lowered, and not by process 1.
 */
#define PROCESS_NICE_MAX 19U
#define PROCESS_NICE_KEEP UINT64_MAX /* only ask */
struct process_set_nice_request {
    uint64_t pid;  /* 0 = the caller */
    uint64_t nice; /* 0..PROCESS_NICE_MAX */
};
struct process_set_nice_reply {
    uint64_t nice; /* what it was */
};
