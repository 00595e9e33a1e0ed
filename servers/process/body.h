/*
 * What a process is made of, in kernel objects and frames.
 *
 *   body -- pool: table, threads                 lives as long as the process
 *        |- message pages, one for each number of a thread that was ever used
 *        |- bag: capabilities it can pass on, in slots of this server; the same lie in its own table
 *        `- incarnation -- pool: space, tables   one program's run; exec puts another in its place (pager.h)
 *                       `- vm: regions, frames
 *
 * Everything may be half built: the destroying functions take what is there, so they also undo what failed.
 */
#pragma once

#include "kernel/abi/thread.h"
#include "libsys/layout.h"
#include "libsys/proto/process.h"
#include "servers/process/pager.h"
#include "servers/process/pool.h"
#include "servers/process/process.h"

#define BODY_TABLE_SLOTS 128U /* of a process's table, laid out so: */
#define BODY_SLOT_PROCESS 1U  /* its capability `process` */
#define BODY_SLOT_BAG 2U      /* entry i of its bag lies in slot BODY_SLOT_BAG + i */
#define BODY_SLOT_THREADS 16U /* capability `process` of thread number n: BODY_SLOT_THREADS + n, but for n = 0 */
#define BODY_SLOT_FREE 48U    /* from here on the process decides */
_Static_assert(BODY_SLOT_BAG + PROCESS_BAG_MAX <= BODY_SLOT_THREADS, "the bag has its own slots");
_Static_assert(PROCESS_THREADS_MAX <= LAYOUT_MESSAGES_MAX, "each has a place for its message page");
_Static_assert(BODY_SLOT_THREADS + PROCESS_THREADS_MAX <= BODY_SLOT_FREE, "and so have the threads");

/* Badge of the capability `process` and of faults: which thread. */
#define BODY_BADGE(pid, number) ((uint64_t)(number) << 32 | (pid))
#define BODY_BADGE_PID(badge) ((uint32_t)(badge))
#define BODY_BADGE_NUMBER(badge) ((uint32_t)((badge) >> 32))

#define BODY_POOL_PAGES 4U /* pool's own page, thread, table's slots, and small objects */

struct system;

struct bag_entry {
    char name[PROCESS_NAME_MAX]; /* "" = free */
    cap_t cap;                   /* a slot of this server, perhaps shared with other bags (struct system) */
    bool service;                /* of the system: the process has it with its own badge (libsys/proto/identity.h) */
};

struct bag {
    struct bag_entry entries[PROCESS_BAG_MAX];
};

struct body {
    struct pool pool;
    cap_t table;
    struct bag bag;
    struct incarnation incarnation;
};

/* A table. Errors: P_NO_MEMORY; P_LIMIT no slot is free; the kernel's. body_destroy clears up. */
MUST_USE uint32_t body_create(struct system *system, struct body *body);

/* The kernel's thread for a thread that has begun, configured but without a space. Errors: the same; there is no trace on error
 * but a message page. */
MUST_USE uint32_t body_add_thread(struct system *system, struct body *body, struct thread *thread);

/* It stops, and is gone; its message page stays. */
void body_remove_thread(struct thread *thread);

/*
 * Let a thread go on, or begin at once after a handover. Nothing else may: a thread of a process that is stopped does not run, it
 * goes on with the others. False: the kernel can't let it run.
 */
bool body_resume(const struct thread *thread);
static inline uint64_t body_resume_flag(const struct process *process) {
    return process->halted ? 0 : (uint64_t)HANDOVER_RESUME;
}

/* It runs as its process's nice value says from now on. */
MUST_USE uint32_t body_set_priority(const struct system *system, const struct thread *thread);

/* What it has used of the CPU. */
uint64_t body_thread_time_ns(const struct thread *thread);

/* The place of a message page, and of a capability `process`, by the thread's number. */
uaddr_t body_message_at(const struct incarnation *incarnation, uint32_t number);
cap_t body_process_slot(uint32_t number);

/* What numbers of threads keep, message pages and capabilities `process`, goes, but for one thread's. Nothing uses it any more. */
void body_drop_numbers(struct system *system, struct process *process, const struct thread *but);

/* Everything that belongs to the process; its threads stop first. */
void body_destroy(struct system *system, struct process *process);

/* Frames in all: of kernel objects, tables, image and stack, message page. */
uint64_t body_page_count(struct process *process);

/* NULL: there is none of this name. */
struct bag_entry *bag_find(struct bag *bag, const char *name);

/* Is this a name that a capability may have? `size_bytes` bytes of it are there, a zero among them or not. */
bool bag_name_is_valid(const char *name, uint64_t size_bytes);

/*
 * Put the capability in slot `cap` into the bag under `name` and into the body's table, in place of one of the same
 * name. On success the slot belongs to the bag. Errors: P_LIMIT the bag is full; the kernel's.
 */
MUST_USE uint32_t body_give(struct system *system, struct process *process, const char *name, cap_t cap);

/* The same with what another bag has. */
MUST_USE uint32_t body_share(struct system *system, struct process *process, const char *name,
                             const struct bag_entry *source);

/* The same in entry `index`, in place of what is there. */
MUST_USE uint32_t body_share_at(struct system *system, struct process *process, uint32_t index,
                                const struct bag_entry *source);

/* Put a process into another group, or perhaps the same: its capabilities of the system's services say so afterwards. */
void body_enter_group(struct system *system, struct process *process, uint32_t group);

/* Take a capability out of the bag and the table. */
void body_take_away(struct system *system, struct body *body, struct bag_entry *entry);
