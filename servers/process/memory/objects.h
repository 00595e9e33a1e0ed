/*
 * The kernel objects and frames that a process is made of.
 *
 *   objects -- pool: table, threads                 live as long as the process
 *           |- message pages, one for each number of a thread that was ever used
 *           |- identities: badged capabilities of the system's services, made by this server
 *           `- incarnation -- pool: space, tables   one program's run; exec puts another in its place (pager.h)
 *                          `- vm: regions, frames
 *
 * A process may be half built: the destroying functions take whatever is there, so they also undo what failed.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "libsys/maker/layout.h"
#include "libsys/proto/process.h"
#include "servers/process/memory/object_pool.h"
#include "servers/process/memory/pager.h"
#include "servers/process/memory/staged_strings.h"

#define OBJECTS_TABLE_SLOTS 128U /* of a process's table, laid out so: */
#define OBJECTS_SLOT_THREADS 1U  /* capability `process` of thread number n: OBJECTS_SLOT_THREADS + n */
#define OBJECTS_SLOT_GIVEN 33U   /* the capabilities given, in order of their names; the rest is up to the process */
#define OBJECTS_GIVEN_MAX (OBJECTS_TABLE_SLOTS - OBJECTS_SLOT_GIVEN)
_Static_assert(PROCESS_THREADS_MAX <= LAYOUT_MESSAGES_MAX, "each has a place for its message page");
_Static_assert(OBJECTS_SLOT_THREADS + PROCESS_THREADS_MAX <= OBJECTS_SLOT_GIVEN, "and a slot");

/* Badge of the capability `process` and of faults: it names the thread. */
#define OBJECTS_BADGE(pid, number) ((uint64_t)(number) << 32 | (pid))
#define OBJECTS_BADGE_PID(badge) ((uint32_t)(badge))
#define OBJECTS_BADGE_NUMBER(badge) ((uint32_t)((badge) >> 32))

#define OBJECTS_POOL_PAGES 4U /* the pool's own page, thread, the table's slots, and small objects */

/*
 * The capabilities by which a process calls one service of the system. They have the process's own badge
 * (libsys/proto/identity.h) and are all derived from one that this server keeps. So the server knows whether the
 * process still has any: a process that has deleted them all must not get them back by a fork, whatever lies in their
 * slots now.
 */
struct identity {
    cap_t kept;                               /* a slot of this server; 0 = the process has none */
    uint64_t slots[OBJECTS_TABLE_SLOTS / 64]; /* of its table, where copies were put: bit n % 64 of word n / 64 */
};

struct process_objects {
    struct object_pool pool;
    cap_t table;
    struct identity identities[CONTEXT_SERVICES_MAX];
    struct incarnation incarnation;
};

/* All records of one process, in a page of this server's own. */
struct process_record {
    struct process process; /* first: one pointer names both */
    struct process_objects objects;
    struct staged_strings staged;
};
_Static_assert(sizeof(struct process_record) <= PAGE_BYTES, "process_begin takes a page for each");

static inline struct process_record *record_of(struct process *process) {
    return (struct process_record *)(void *)process;
}
static inline struct process_objects *objects_of(struct process *process) { return &record_of(process)->objects; }
static inline struct staged_strings *staged_of(struct process *process) { return &record_of(process)->staged; }

/*
 * Make a process's pool and table. Errors: P_NO_MEMORY; P_LIMIT no slot is free; the kernel's. On errors, too,
 * objects_destroy clears up.
 */
MUST_USE uint32_t objects_create(struct server_context *context, struct process_objects *objects);

/*
 * Make the kernel's thread for a thread that has begun: configured, but without a space.
 * Errors: P_NO_MEMORY; P_LIMIT no slot is free; the kernel's. A message page may have been made then, and stays.
 */
MUST_USE uint32_t objects_add_thread(struct server_context *context, struct process_objects *objects,
                                     struct process_thread *thread);

/* Stop and destroy the kernel's thread; its message page stays. */
void objects_remove_thread(struct process_thread *thread);

/*
 * Let a thread go on. It stays stopped if its process is stopped, or if it waits for its handlers to run. Only this
 * function lets threads go on, and objects_resume_flag, which says whether a handover starts one at once. False: the
 * kernel can't let it run.
 */
bool objects_resume(const struct process_thread *thread);
static inline uint64_t objects_resume_flag(const struct process *process) {
    return process->halted ? 0 : (uint64_t)HANDOVER_RESUME;
}

/*
 * Suspend a thread, with SUSPEND_WITHDRAW. If its call was withdrawn, context->paused says so until its registers are
 * written, should this server end meanwhile.
 */
struct result objects_withdraw(struct server_context *context, const struct process_thread *thread);

/* Tell the thread whose call was withdrawn, if a program before this one has not done it any more. */
void objects_tell_withdrawn(struct server_context *context);

/* Give a thread the priority that its process's nice value stands for. */
MUST_USE uint32_t objects_set_priority(const struct server_context *context, const struct process_thread *thread);

/* Give a thread this priority. For a policy (policy.h), which gives it its own again by objects_set_priority. */
MUST_USE uint32_t objects_put_priority(struct server_context *context, const struct process_thread *thread,
                                       uint64_t priority);

/* The CPU that a thread runs on. */
uint64_t objects_cpu(const struct server_context *context, const struct process_thread *thread);

/* CPU time that a thread has used. */
uint64_t objects_thread_time_ns(const struct process_thread *thread);

/* The address of the message page, and the slot of the capability `process`, of a thread number. */
uaddr_t objects_message_at(const struct incarnation *incarnation, uint32_t number);
cap_t objects_process_slot(uint32_t number);

/*
 * Drop the message pages and capabilities `process` of all thread numbers but that of `but` (NULL: of all). No thread
 * uses them any more.
 */
void objects_drop_numbers(struct server_context *context, struct process *process, const struct process_thread *but);

/* Destroy all that a process is made of; its threads stop first. */
void objects_destroy(struct server_context *context, struct process *process);

/*
 * In place of a program that has died, after all counts were set to zero: claim the slots of a process and count its
 * frames and pages.
 */
void objects_take_over(struct server_context *context, struct process *process);

/*
 * Once all is counted: map the message pages again of a process whose mappings were changed last. Errors: the
 * kernel's.
 */
MUST_USE uint32_t objects_map_messages(struct server_context *context, struct process *process);

/* All pages of a process: its record, kernel objects, page tables, memory, message pages. */
uint64_t objects_page_count(struct process *process);

/*
 * Copy a capability from a slot of another process's table into a slot of `to`; from NULL: from a slot of this server.
 * An identity of `from` becomes one of `to`.
 * Errors: E_CAP the slot is empty, or the object has died; E_TYPE it is a Reply, which can't be passed on; P_LIMIT; the
 *         kernel's.
 */
MUST_USE uint32_t objects_pass(struct server_context *context, struct process *from, cap_t slot, struct process *to,
                               cap_t target);

/*
 * Copy all capabilities of a process to another, into equal slots, except capabilities `process` and Replies. Errors:
 * P_LIMIT; the kernel's.
 */
MUST_USE uint32_t objects_pass_all(struct server_context *context, struct process *from, struct process *to);

/* The first slot from `first` on in a process's table that is not empty. 0: there is none. */
cap_t objects_next_slot(const struct process_objects *objects, cap_t first);

/*
 * Compute the identities of a process once they have moved from slots[i] to slot OBJECTS_SLOT_GIVEN + i (slots[i] = 0:
 * none has), and no other slot has any.
 */
void objects_move_identities(const struct process_objects *objects, const uint16_t *slots, uint32_t count,
                             struct identity *ret_identities);

/* Let these be its identities; those that it had before and that are not among them go. */
void objects_set_identities(struct process_objects *objects, const struct identity *identities);

/*
 * Put a process into a group, perhaps the one that it is in. The badges of its capabilities of the system's services
 * name the group afterwards.
 */
void objects_enter_group(struct server_context *context, struct process *process, uint32_t group);
