/*
 * What a process is made of, in kernel objects and frames.
 *
 *   body -- kernel_pool: thread, table           lives as long as the process
 *        |- message page
 *        |- bag: capabilities it can pass on, in slots of this server; the same lie in its own table
 *        `- incarnation -- pool: space, tables   one program's run; exec puts another in its place (pager.h)
 *                       `- vm: regions, frames
 *
 * Everything may be half built: the destroying functions take what is there, so they also undo what failed.
 */
#pragma once

#include "libsys/proto/process.h"
#include "servers/process/pager.h"

#define BODY_TABLE_SLOTS 128U /* of a process's table, laid out so: */
#define BODY_SLOT_PROCESS 1U  /* its capability `process` */
#define BODY_SLOT_BAG 2U      /* entry i of its bag lies in slot BODY_SLOT_BAG + i */
#define BODY_SLOT_FREE 16U    /* from here on the process decides */
_Static_assert(BODY_SLOT_BAG + PROCESS_BAG_MAX <= BODY_SLOT_FREE, "the bag has its own slots");

#define BODY_FAULT_BADGE (1ULL << 32) /* badge of faults: this and the pid; of calls: the pid */

#define BODY_POOL_PAGES 4U /* pool's own page, thread, table's slots, and small objects */

struct system;

struct bag_entry {
    char name[PROCESS_NAME_MAX]; /* "" = free */
    cap_t cap;                   /* a slot of this server */
};

struct bag {
    struct bag_entry entries[PROCESS_BAG_MAX];
};

struct body {
    struct frame_run kernel_frames;
    cap_t kernel_pool;
    cap_t thread;
    cap_t table;
    struct frame_run message;
    struct bag bag;
    struct incarnation incarnation;
};

/*
 * Thread, table and message page of process `pid`, configured but without a space.
 * Errors: P_NO_MEMORY; P_LIMIT no slot is free; the kernel's. body_destroy clears up.
 */
MUST_USE uint32_t body_create(struct system *system, struct body *body, uint32_t pid);

/* Everything that belongs to the process; its threads stop first. */
void body_destroy(struct system *system, struct body *body);

/* Frames in all: of kernel objects, tables, image and stack, message page. */
uint64_t body_page_count(const struct body *body);

/* NULL: there is none of this name. */
struct bag_entry *bag_find(struct bag *bag, const char *name);

/* Is this a name that a capability may have? `size_bytes` bytes of it are there, a zero among them or not. */
bool bag_name_is_valid(const char *name, uint64_t size_bytes);

/*
 * Put the capability in slot `cap` into the bag under `name` and into the body's table, in place of one of the same
 * name. On success the slot belongs to the bag. Errors: P_LIMIT the bag is full; the kernel's.
 */
MUST_USE uint32_t body_give(struct body *body, const char *name, cap_t cap);

/* The same with a copy of what lies in slot `source`. Errors: also P_LIMIT no slot is free. */
MUST_USE uint32_t body_give_copy(struct body *body, const char *name, cap_t source);

/* The same in entry `index`, in place of what is there. */
MUST_USE uint32_t body_give_copy_at(struct body *body, uint32_t index, const char *name, cap_t source);

/* Take a capability out of the bag and the table. */
void body_take_away(struct body *body, struct bag_entry *entry);
