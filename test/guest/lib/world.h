/*
 * A case's resources: free slots, a scratch pool, frames, addresses. All of them are taken back at its end.
 *
 * The program is the machine's first (kernel/abi/system.h). Slots, frames and addresses are handed out in ascending
 * order, and the case's end frees all of them.
 */
#pragma once

#include <stdint.h>

#include "kernel/abi/rights.h"
#include "kernel/abi/syscall.h"
#include "kernel/abi/thread.h"
#include "test/guest/lib/suite.h"

#define PRIORITY_MAIN 24U   /* of the main thread, so workers run when it waits */
#define PRIORITY_WORKER 16U /* unless the plan says otherwise */

#define SCRATCH_POOL_PAGES 128U
#define WORLD_ARENA 0x1000000000ULL /* the program's addresses for world_map and worker windows */

#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)
#define READ_EXECUTE (MEMORY_READ | MEMORY_EXECUTE)

struct guest_world {
    cap_t pool;    /* the scratch pool of the current case */
    cap_t faults;  /* endpoint where workers' faults and ends arrive */
    cap_t silence; /* Notification that nobody raises: wait for it to let others run */
    cap_t region;  /* Memory: the largest region, with all rights */
    cap_t image;   /* Memory, READ_EXECUTE: a copy of this program's code and constants */
    uint64_t image_pages;
};
extern struct guest_world world;

void world_init(void);
void world_begin(void);
void world_end(void);
/* Keep everything handed out so far for good. */
void world_keep(void);

/* An empty slot. */
cap_t world_slot(void);
/* The first of `count` empty slots in a row. */
cap_t world_slots(uint64_t count);

/* A new object from the scratch pool; `argument` as in object_create. */
cap_t world_create(enum object_type type, uint64_t argument);

/* `page_count` unused frames, with undefined contents. Returns their offset in world.region. */
uint64_t world_frames(uint64_t page_count);
/* `page_count` unused frames, cleared, as a Memory capability with all rights. */
cap_t world_memory(uint64_t page_count);
/* A pool besides the scratch pool. */
cap_t world_pool(uint64_t page_count);

/* Unused addresses in the program's own space, from a multiple of 4096. They are unmapped when the case ends. */
uaddr_t world_addresses(uint64_t page_count);
/* Map all of a Memory at such addresses, readable and writable. */
void *world_map(cap_t memory, uint64_t page_count);

/* A copy in a new slot. */
cap_t world_copy(cap_t source, uint64_t rights, uint64_t badge);

/* Make orphans: copies of `object` whose parent was deleted, so that their depths are to be corrected. They are more
 * than the kernel corrects in one call. Returns the first. */
cap_t world_orphans(cap_t object);
#define WORLD_ORPHANS 60U

/* space_audit of all parts of a space: OK or the first failure. */
struct result world_audit(cap_t space);

/* The number after `name=` in the kernel's command line, or `otherwise`. */
uint64_t world_command_number(const char *name, uint64_t otherwise);

static inline uint64_t world_now(void) { return sys_clock_read().value; }
/* The deadline for waits that should be over at once: if they are not, a check fails and nothing hangs. */
static inline uint64_t world_soon(void) { return world_now() + test_limit_default_ns() / 5; }
/* Wait until `value`, which a thread on another CPU counts up, is `at_least`. False if that takes until `end_ns`. The
 * main thread keeps its CPU busy meanwhile. */
bool world_comes(const volatile uint64_t *value, uint64_t at_least, uint64_t end_ns);
