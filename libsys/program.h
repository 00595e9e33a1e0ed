/*
 * What a program knows about itself: arguments, environment, capabilities by name, message page. start.c fills it
 * before main runs.
 *
 * Whoever makes a program tells it in environment strings what it holds:
 *     cap:NAME=SLOT       a capability
 *     size:NAME=BYTES     the size of the Memory it is for, where that is not known otherwise
 *     run:NAME=SLOT,PAGES,PAGES,...   capabilities for as many Memories, in slots SLOT, SLOT + 1, ..., and their sizes
 *     slots=FIRST,LIMIT   its table has LIMIT slots; those from FIRST on are empty
 *     name=NAME           what a server is called in the manifest
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/status.h"
#include "kernel/abi/syscall.h"
#include "libsys/slots.h"
#include "libsys/thread_block.h"

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
    cap_t process;                           /* its capability `process`; 0 = none: a server */
    struct slots slots;                      /* free slots of the program's own table; empty if nobody told */
    bool has_threads;                        /* or has had, besides the first */
};

extern struct program program;

/* The calling thread's block. Only where the process server has made the program. */
static inline struct thread_block *thread_block(void) {
    struct thread_block *block;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(block));
    return block;
}

/* The calling thread's message page, and its capability `process`. */
static inline struct message_page *program_message(void) {
    return program.has_threads ? thread_block()->message : program.message;
}
static inline cap_t program_process(void) { return program.has_threads ? thread_block()->process : program.process; }

/* The value of an environment variable; NULL = there is none. */
const char *program_variable(const char *name);

/* The slot of the capability called `name`; 0 = there is none. */
cap_t program_cap(const char *name);

/* The same for one that the program can't do without: if there is none, the log says so, and the program ends. */
cap_t program_need(const char *name);

/* The bytes that `size:NAME` tells; 0 = it is not there. */
uint64_t program_cap_size(const char *name);

/* One of the Memories that `run:NAME` tells. */
struct program_piece {
    cap_t memory;
    uint64_t page_count;
    const char *rest; /* the text behind it */
};

/* The first of them, if *piece is all zero, or the one after *piece. False: there is none, and *piece is as before. */
bool program_next_piece(const char *name, struct program_piece *piece);

/* An entry of the auxiliary vector (elf.h of the system: AT_...); 0 = there is none. */
uint64_t program_auxiliary(uint64_t type);

/* What clock_read will say when so much time has passed, for calls that want to know when; UINT64_MAX = never. */
static inline uint64_t program_time_in(uint64_t duration_ns) {
    uint64_t now_ns = sys_clock_read().value;
    return duration_ns < UINT64_MAX - now_ns ? now_ns + duration_ns : UINT64_MAX;
}

/* A free slot of the program's own table, now taken; 0 = none is left. And back, once it is empty again. For any thread. */
MUST_USE cap_t slot_take(void);
void slot_free(cap_t slot);

/* Empty a slot of ours and free it; 0 is none. Can't fail: a slot that the death of its object has emptied is fine too. */
static inline void slot_drop(cap_t *slot) {
    if (*slot == 0)
        return;
    (void)sys_cap_delete(0, *slot);
    slot_free(*slot);
    *slot = 0;
}

/* A derived capability in a slot of its own; 0 = no slot is free, or the kernel refused. */
MUST_USE static inline cap_t slot_derive(cap_t source, uint64_t rights, uint64_t badge) {
    cap_t slot = slot_take();
    if (slot == 0 || sys_cap_copy(0, slot, source, rights, badge).status == OK)
        return slot;
    slot_free(slot);
    return 0;
}

/*
 * End the program. A process tells its server. A program without a `process` capability (a server) stops with an undefined
 * instruction, so that its watcher sees it end; RAX = PROGRAM_ENDED and RDI = code tell the watcher that this is no mistake.
 */
#define PROGRAM_ENDED 0x6465646e65206c6cULL
_Noreturn void program_exit(int code);
