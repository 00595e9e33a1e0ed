/*
 * What a program knows about itself: arguments, environment, capabilities by name, message page. start.c fills it
 * before main runs.
 *
 * Whoever makes a program tells it in environment strings what it holds:
 *     cap:NAME=SLOT       a capability
 *     size:NAME=BYTES     the size of the Memory it is for, where that is not known otherwise
 *     slots=FIRST,LIMIT   its table has LIMIT slots; those from FIRST on are empty
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/syscall.h"
#include "libsys/slots.h"

struct auxiliary_entry {
    uint64_t type;
    uint64_t value;
};

struct program {
    int argument_count;
    char **arguments;                        /* ends with NULL */
    char **environment;                      /* ends with NULL */
    const struct auxiliary_entry *auxiliary; /* ends with type 0 */
    struct message_page *message;            /* of the first thread */
    struct slots slots;                      /* free slots of the program's own table; empty if nobody told */
};

extern struct program program;

/* The value of an environment variable; NULL = there is none. */
const char *program_variable(const char *name);

/* The slot of the capability called `name`; 0 = there is none. */
cap_t program_cap(const char *name);

/* The bytes that `size:NAME` tells; 0 = it is not there. */
uint64_t program_cap_size(const char *name);

/* An entry of the auxiliary vector (elf.h of the system: AT_...); 0 = there is none. */
uint64_t program_auxiliary(uint64_t type);

/* A free slot of the program's own table, now taken; 0 = none is left. And back, once it is empty again. */
MUST_USE cap_t slot_take(void);
void slot_free(cap_t slot);

/*
 * End the program. A process tells its server; a program without a `process` capability (a server) reports on the log
 * and stops with an undefined instruction, so that its watcher sees it end.
 */
_Noreturn void program_exit(int code);
