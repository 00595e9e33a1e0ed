/*
 * What a program knows about itself: arguments, environment, capabilities by name, message page. start.c fills it
 * before main runs.
 *
 * The maker of a program describes its capabilities in environment strings:
 *     cap:NAME=SLOT       a capability
 *     size:NAME=BYTES     the size of the Memory it is for, where that is not known otherwise
 *     run:NAME=SLOT,PAGES,PAGES,...   capabilities for as many Memories, in slots SLOT, SLOT + 1, ..., and their sizes
 *     slots=FIRST,LIMIT   its table has LIMIT slots; those from FIRST on are empty
 *     name=NAME           a server's name in the manifest
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/abi/message.h"
#include "kernel/abi/status.h"
#include "kernel/abi/syscall.h"
#include "libsys/program/slots.h"
#include "libsys/program/thread_block.h"

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
    cap_t process;                           /* the first thread's capability `process`; 0: none, this is a server */
    struct slots slots;                      /* free slots of the program's own table; empty if `slots` is missing */
    bool has_threads;                        /* there is or was a thread besides the first */
};

extern struct program program;

/* Returns the calling thread's block. Only in programs made by the process server. */
static inline struct thread_block *thread_block(void) {
    struct thread_block *block;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(block));
    return block;
}

/* Return the calling thread's message page, and its capability `process`. */
static inline struct message_page *program_message(void) {
    return program.has_threads ? thread_block()->message : program.message;
}
static inline cap_t program_process(void) { return program.has_threads ? thread_block()->process : program.process; }

/* Returns the value of an environment variable; NULL: there is none. */
const char *program_variable(const char *name);

/* Returns the slot of the capability called `name`; 0: there is none. */
cap_t program_cap(const char *name);

/*
 * Returns the slot of a capability that the program can't do without. If there is none, logs that and ends the program.
 */
cap_t program_need(const char *name);

/* Returns the bytes of `size:NAME`; 0: there is no such string. */
uint64_t program_cap_size(const char *name);

/* Returns it; if it is less than `least_bytes`, logs that and ends the program. */
uint64_t program_need_size(const char *name, uint64_t least_bytes);

/* One of the Memories that `run:NAME` lists. */
struct program_piece {
    cap_t memory;
    uint64_t page_count;
    const char *rest; /* text after this entry */
};

/*
 * Go to the first of them if *piece is all zero, otherwise to the one after *piece. False: there is none, and *piece is
 * unchanged.
 */
bool program_next_piece(const char *name, struct program_piece *piece);

/* Returns an entry of the auxiliary vector (AT_..., libsys/program/auxiliary.h); 0: there is none. */
uint64_t program_auxiliary(uint64_t type);

/* Returns the time by clock_read after `duration_ns`, as a deadline for calls; UINT64_MAX: never. */
static inline uint64_t program_time_in(uint64_t duration_ns) {
    uint64_t now_ns = sys_clock_read().value;
    return duration_ns < UINT64_MAX - now_ns ? now_ns + duration_ns : UINT64_MAX;
}

/*
 * Take a free slot of the program's own table (0: none is left), and give it back once it is empty. Any thread may call
 * them.
 */
MUST_USE cap_t slot_take(void);
void slot_free(cap_t slot);

/* A successor takes the slots that its state names, before it takes any other (libsys/program/keep.h). */
static inline void slot_claim(cap_t slot) { slots_claim(&program.slots, slot); }

/* Empty a slot and free it; 0 is ignored. Can't fail: the slot may be empty already because its object died. */
static inline void slot_drop(cap_t *slot) {
    if (*slot == 0)
        return;
    (void)sys_cap_delete(0, *slot);
    slot_free(*slot);
    *slot = 0;
}

/* Derive a capability into a slot of its own. Returns the slot; 0: no slot is free, or the kernel refused. */
MUST_USE static inline cap_t slot_derive(cap_t source, uint64_t rights, uint64_t badge) {
    cap_t slot = slot_take();
    if (slot == 0 || sys_cap_copy(0, slot, source, rights, badge).status == OK)
        return slot;
    slot_free(slot);
    return 0;
}

/*
 * End the program. A process calls its server. A server has no `process` capability, so it stops with an undefined
 * instruction for its watcher to see; RAX = PROGRAM_ENDED and RDI = code tell the watcher that this is not a mistake.
 */
#define PROGRAM_ENDED 0x6465646e65206c6cULL
_Noreturn void program_exit(int code);
