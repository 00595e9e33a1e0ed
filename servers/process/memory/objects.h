/*
 * What a process is made of, in kernel objects and frames.
 *
 *   objects -- pool: table, threads                 live as long as the process
 *           |- message pages, one for each number of a thread that was ever used
 *           |- identities: what it calls the services of the system by, made by this server
 *           `- incarnation -- pool: space, tables   one program's run; exec puts another in its place (pager.h)
 *                          `- vm: regions, frames
 *
 * Everything may be half built: the destroying functions take what is there, so they also undo what failed.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "libsys/layout.h"
#include "libsys/proto/process.h"
#include "servers/process/memory/object_pool.h"
#include "servers/process/memory/pager.h"
#include "servers/process/memory/staged_strings.h"

#define OBJECTS_TABLE_SLOTS 128U /* of a process's table, laid out so: */
#define OBJECTS_SLOT_THREADS 1U  /* capability `process` of thread number n: OBJECTS_SLOT_THREADS + n */
#define OBJECTS_SLOT_GIVEN 33U   /* what it was given, in the order of its names; behind that the process decides */
#define OBJECTS_GIVEN_MAX (OBJECTS_TABLE_SLOTS - OBJECTS_SLOT_GIVEN)
_Static_assert(PROCESS_THREADS_MAX <= LAYOUT_MESSAGES_MAX, "each has a place for its message page");
_Static_assert(OBJECTS_SLOT_THREADS + PROCESS_THREADS_MAX <= OBJECTS_SLOT_GIVEN, "and a slot");

/* Badge of the capability `process` and of faults: which thread. */
#define OBJECTS_BADGE(pid, number) ((uint64_t)(number) << 32 | (pid))
#define OBJECTS_BADGE_PID(badge) ((uint32_t)(badge))
#define OBJECTS_BADGE_NUMBER(badge) ((uint32_t)((badge) >> 32))

#define OBJECTS_POOL_PAGES 4U /* pool's own page, thread, table's slots, and small objects */

/*
 * What a process calls a service of the system by: capabilities with its own badge (libsys/proto/identity.h), all of them derived
 * from one that this server keeps. So it is known whether the process still has any: one that has deleted them all must not get
 * them back by a fork, whatever lies in their slots.
 */
struct identity {
    cap_t kept;                               /* a slot of ours; 0 = the process has none */
    uint64_t slots[OBJECTS_TABLE_SLOTS / 64]; /* of its table, where they were put: bit n % 64 of word n / 64 */
};

struct process_objects {
    struct object_pool pool;
    cap_t table;
    struct identity identities[CONTEXT_SERVICES_MAX];
    struct incarnation incarnation;
};

/* All about one process: a page of this server's own. */
struct record {
    struct process process; /* first: one pointer names both */
    struct process_objects objects;
    struct staged_strings staged;
};
_Static_assert(sizeof(struct record) <= PAGE_BYTES, "process_begin takes a page for each");

static inline struct record *record_of(struct process *process) { return (struct record *)(void *)process; }
static inline struct process_objects *objects_of(struct process *process) { return &record_of(process)->objects; }
static inline struct staged_strings *staged_of(struct process *process) { return &record_of(process)->staged; }

/* A table. Errors: P_NO_MEMORY; P_LIMIT no slot is free; the kernel's. objects_destroy clears up. */
MUST_USE uint32_t objects_create(struct server_context *context, struct process_objects *objects);

/* The kernel's thread for a thread that has begun, configured but without a space. Errors: the same; there is no trace on error
 * but a message page. */
MUST_USE uint32_t objects_add_thread(struct server_context *context, struct process_objects *objects,
                                     struct process_thread *thread);

/* It stops, and is gone; its message page stays. */
void objects_remove_thread(struct process_thread *thread);

/*
 * Let a thread go on, or begin at once after a handover. Nothing else may: a thread of a process that is stopped does not run, it
 * goes on with the others. False: the kernel can't let it run.
 */
bool objects_resume(const struct process_thread *thread);
static inline uint64_t objects_resume_flag(const struct process *process) {
    return process->halted ? 0 : (uint64_t)HANDOVER_RESUME;
}

/* It runs as its process's nice value says from now on. */
MUST_USE uint32_t objects_set_priority(const struct server_context *context, const struct process_thread *thread);

/* What it has used of the CPU. */
uint64_t objects_thread_time_ns(const struct process_thread *thread);

/* The place of a message page, and of a capability `process`, by the thread's number. */
uaddr_t objects_message_at(const struct incarnation *incarnation, uint32_t number);
cap_t objects_process_slot(uint32_t number);

/* What numbers of threads keep, message pages and capabilities `process`, goes, but for one thread's. Nothing uses it any more. */
void objects_drop_numbers(struct server_context *context, struct process *process, const struct process_thread *but);

/* Everything that belongs to the process; its threads stop first. */
void objects_destroy(struct server_context *context, struct process *process);

/* Frames in all: of kernel objects, tables, image and stack, message page. */
uint64_t objects_page_count(struct process *process);

/*
 * Put a copy of what lies in a slot of another process's table into one of `to`; from: NULL = slot of this server. An identity of
 * `from` becomes one of `to`.
 * Errors: E_CAP there is nothing, or its object has died; E_TYPE a Reply, which is nobody else's; P_LIMIT; the kernel's.
 */
MUST_USE uint32_t objects_pass(struct server_context *context, struct process *from, cap_t slot, struct process *to,
                               cap_t target);

/* All that a process has goes to another, into the same slots, but for capabilities `process` and Replies. Errors: P_LIMIT; the kernel's. */
MUST_USE uint32_t objects_pass_all(struct server_context *context, struct process *from, struct process *to);

/* The first slot of a process's table from `first` on that is not empty; 0 = there is none. */
cap_t objects_next_slot(const struct process_objects *objects, cap_t first);

/* What identities lay in slots[i] lies in slot OBJECTS_SLOT_GIVEN + i now; slots[i] = 0: nothing does. No other slot has any. */
void objects_move_identities(struct process_objects *objects, const uint16_t *slots, uint32_t count);

/* Put a process into another group, or perhaps the same: its capabilities of the system's services say so afterwards. */
void objects_enter_group(struct server_context *context, struct process *process, uint32_t group);
