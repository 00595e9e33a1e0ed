/*
 * Protocol `process`, limits and nice values; process.h lists the operations. A new process inherits both from its
 * creator.
 */
#pragma once

#include "libsys/wire/protocol.h"

enum process_limit {
    PROCESS_LIMIT_MEMORY = 0,    /* bytes of all mappings */
    PROCESS_LIMIT_PROCESSES = 1, /* the process and all its descendants made since, including ended ones */
    PROCESS_LIMIT_THREADS = 2,
    PROCESS_LIMIT_TIME = 3, /* ns of CPU time: XCPU when it is reached and each second after, KILL at `most` */
    PROCESS_LIMITS = 4,
};
#define PROCESS_UNLIMITED UINT64_MAX /* except for the server's own limits */

/* Errors: P_NO_PROCESS; P_PERMISSION (see kill); P_ARGUMENT no such limit. */
struct process_get_limit_request {
    uint64_t pid; /* 0: the caller */
    uint64_t limit;
};
struct process_get_limit_reply {
    uint64_t now;  /* the limit in force */
    uint64_t most; /* the highest value that it can be set to */
    uint64_t used;
};

/*
 * Set a limit of the caller. Resources in use above it stay. `most` can be lowered; only process 1 raises it.
 * Errors: P_ARGUMENT no such limit; now > most; P_PERMISSION; P_LIMIT too many processes have set PROCESSES for
 * themselves.
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
 * Set how readily a process yields the CPU: a runnable process with a lower value always runs first.
 * Errors: P_NO_PROCESS; P_ARGUMENT; P_PERMISSION (see kill), or a process other than 1 would lower the value.
 */
#define PROCESS_NICE_MAX 19U
#define PROCESS_NICE_KEEP UINT64_MAX /* only ask */
struct process_set_nice_request {
    uint64_t pid;  /* 0: the caller */
    uint64_t nice; /* 0..PROCESS_NICE_MAX */
};
struct process_set_nice_reply {
    uint64_t nice; /* the value before */
};
